"""Draws the Grafana dashboard's panels from a recording of what Etsy's statsd wrote to Graphite.

    python3 picture.py DASHBOARD.json RECORDING PICTURE.png

The recording is stored with whisper and asked for with the dashboard's own queries, which graphite-web answers in this
process; matplotlib draws what it answered. Grafana itself has no part in it.
"""

import io
import json
import os
import sys
import tempfile
import time
from collections import defaultdict

# Of the dashboard, those that say most in a small picture.
PANELS = [
    "Containers by state", "Container actions a minute", "Container starts within a time",
    "Image actions a minute", "Image actions, average time", "Health checks a minute",
    "CPU", "Goroutines and threads", "Datagrams a minute",
]
STEP_SECONDS = 10
BACKGROUND, PANEL, TEXT, GRID = "#111217", "#181b1f", "#ccccdc", "#2c3036"
COLOURS = ["#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#b877d9"]


def main(dashboard, recording, picture):
    with open(dashboard) as file:
        dashboard = json.load(file)
    with open(recording) as file:
        points = read(file)
    with tempfile.TemporaryDirectory() as folder:
        graphite = Graphite(folder, points)
        check(dashboard, graphite)
        draw([panel(dashboard, title) for title in PANELS], graphite, picture)


def check(dashboard, graphite):
    """Asks for everything, drawn or not, so that a query that Graphite refuses is noticed."""
    panels = [panel(dashboard, found["title"]) for found in dashboard["panels"] if "targets" in found]
    answers = [list(graphite.ask(query)) for _, queries, _ in panels for query in queries]
    print(f"{sum(map(bool, answers))} of {len(answers)} queries found something")


def read(lines):
    """`PATH VALUE SECONDS` to each path's points."""
    points = defaultdict(list)
    for line in lines:
        path, value, seconds = line.split()
        points[path].append((int(seconds), float(value)))
    return points


def panel(dashboard, title):
    """Title, queries with the dashboard's variables in place, and how it draws."""
    found = next(panel for panel in dashboard["panels"] if panel["title"] == title)
    variables = {v["name"]: v["query"] for v in dashboard["templating"]["list"] if v["type"] == "constant"}
    variables["host:regex"] = ".*"
    queries = [target["target"] for target in found["targets"]]
    for name, value in variables.items():
        queries = [query.replace("${%s}" % name, value) for query in queries]
    return title, queries, found["fieldConfig"]["defaults"]


class Graphite:
    """graphite-web in this process, over whisper files and tags in a folder."""

    def __init__(self, folder, points):
        os.environ.update(GRAPHITE_STORAGE_DIR=folder, GRAPHITE_CONF_DIR=folder, DJANGO_SETTINGS_MODULE="graphite.settings")
        for name in ("log/webapp", "whisper"):
            os.makedirs(os.path.join(folder, name))
        import django
        django.setup()
        import whisper
        from django.conf import settings
        from django.core.management import call_command
        from graphite.storage import STORE
        from graphite.tags.utils import TaggedSeries

        settings.ALLOWED_HOSTS = ["*"]
        call_command("migrate", "--run-syncdb", verbosity=0)
        times = [seconds for series in points.values() for seconds, _ in series]
        self.begin, self.end = min(times), max(times)
        # whisper keeps what is younger than its files hold, counted from now.
        kept = int((time.time() - self.begin) / STEP_SECONDS) + 1000
        for path, series in points.items():
            # As carbon does: the tags in order, and behind a hash, because file names have a limit.
            path = TaggedSeries.parse(path).path
            file = os.path.join(settings.WHISPER_DIR, TaggedSeries.encode(path, sep=os.sep, hash_only=";" in path) + ".wsp")
            os.makedirs(os.path.dirname(file), exist_ok=True)
            whisper.create(file, [(STEP_SECONDS, kept)])
            whisper.update_many(file, series)
        STORE.tagdb.tag_multi_series([path for path in points if ";" in path])

    def ask(self, query):
        """Each series as its name, times in minutes and values."""
        from django.test import Client
        answer = Client().get("/render", {"target": query, "from": self.begin, "until": self.end, "format": "json"})
        assert answer.status_code == 200, (query, answer.content)
        for series in json.loads(answer.content):
            times = [(seconds - self.begin) / 60 for _, seconds in series["datapoints"]]
            yield series["target"], times, [value for value, _ in series["datapoints"]]


def draw(panels, graphite, picture):
    import matplotlib
    matplotlib.use("Agg")
    from PIL import Image
    from matplotlib import pyplot

    pyplot.rcParams.update({"font.size": 8, "text.color": TEXT, "axes.labelcolor": TEXT, "xtick.color": TEXT, "ytick.color": TEXT})
    rows = len(panels) // 3
    figure, axes = pyplot.subplots(rows, 3, figsize=(12, 2.3 * rows), facecolor=BACKGROUND, layout="constrained")
    for axis, (title, queries, looks) in zip(axes.flat, panels):
        axis.set_facecolor(PANEL)
        axis.set_title(title, loc="left", fontsize=9, fontweight="bold")
        axis.grid(color=GRID, linewidth=0.6)
        axis.set_axisbelow(True)
        axis.tick_params(length=0)
        for spine in axis.spines.values():
            spine.set_color(GRID)
        series = [series for query in queries for series in graphite.ask(query)]
        # As in a legend that hides what is empty.
        series = [(name, times, values) for name, times, values in series if any(values)]
        custom = looks["custom"]
        bottom = None
        for (name, times, values), colour in zip(series, COLOURS * 3):
            numbers = [float("nan") if value is None else value for value in values]
            if custom["drawStyle"] == "points":
                axis.plot(times, numbers, ".", markersize=4, color=colour, label=name)
            elif "stacking" in custom:
                numbers = [value or 0 for value in values]
                bottom = bottom or [0] * len(numbers)
                tops = [below + number for below, number in zip(bottom, numbers)]
                if custom["drawStyle"] == "bars":
                    axis.bar(times, numbers, 0.8 * STEP_SECONDS / 60, bottom, color=colour, label=name)
                else:
                    axis.fill_between(times, bottom, tops, color=colour, alpha=0.6, linewidth=0, label=name)
                bottom = tops
            else:
                axis.plot(times, numbers, linewidth=1.2, color=colour, label=name)
        axis.set_ylim(bottom=0)
        axis.set_xlim(0, (graphite.end - graphite.begin) / 60)
        if looks["unit"] in ("s", "percent"):
            unit = {"s": " s", "percent": " %"}[looks["unit"]]
            axis.yaxis.set_major_formatter(lambda value, _, unit=unit: f"{value:g}{unit}")
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g} min")
        if series:
            axis.legend(loc="upper left", fontsize=7, ncols=3, frameon=False, handlelength=1, columnspacing=1)
        # Room for the legend.
        axis.set_ylim(top=axis.get_ylim()[1] * 1.35 or 1)
    pixels = io.BytesIO()
    figure.savefig(pixels, dpi=110)
    # So many colours are enough, and make the file half as large.
    Image.open(pixels).convert("RGB").quantize(128).save(picture, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
