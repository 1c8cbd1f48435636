//! The exact way: any line, whatever it says and wherever it stands among the known ones. A line as clients write it is read
//! from its first bytes on; any other one by the whole grammar.

use std::borrow::Cow;

use super::canonical::{Label, canonical, sort, write_head};
use super::named::{CPUS, INFO, Named, START, Template, Templates};
use super::note::{Handling, Note, Plainness};
use super::plain::{Plain, Written};
use super::{Converter, SAMPLES_MAX, name, observed};
use crate::config::Histograms;
use crate::decimal::{Decimal, Number, ShortText};
use crate::exposition::{self, HEAD_BYTES_MAX, LineError, Role, Sample, Standing};
use crate::fingerprint::Fingerprint;
use crate::series::{Known, Line, LineKind, NOT_EXPECTED, Place};
use crate::statsd::{Cleaning, Encoder, Format, Kind, Metric};

/// How many lines may be passed over and looked at for one that declares a family.
const PASSED_OVER_MAX: usize = 256;

impl Converter {
    /// Reads the line that a text begins with, if it is as clients write it, and more of them where none is expected to
    /// stand as before; returns what stands behind them.
    #[inline(never)]
    pub(super) fn usual_lines<'a>(&mut self, text: &'a [u8], templates: &mut Templates<'a>) -> &'a [u8] {
        let mut rest = text;
        while let Some(Template { pattern, named }) = templates.of(rest)
            && let Some((sample, bytes)) = Sample::leading(pattern)
        {
            self.reading.lines += 1;
            self.sample(rest, &sample, named);
            rest = rest.get(bytes..).unwrap_or_default();
            if self.series.is_continued() {
                break;
            }
        }
        rest
    }

    /// Reads a line with its line feed by the whole grammar.
    pub(super) fn other_line(&mut self, line: &[u8]) {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        match exposition::parse(text) {
            Ok(exposition::Line::Nothing) if text.first() != Some(&b'#') => {}
            Ok(exposition::Line::Nothing) => {
                self.comment(line, Note::COMMENT);
            }
            Ok(exposition::Line::Type { family, kind }) => {
                let place = self.comment(line, Note::TYPE);
                if place == Place::Expected && self.families.is_in_step() {
                    self.families.pass(1);
                } else {
                    self.families.declare(&family, kind, &self.fingerprints);
                    self.note_under_type(place);
                }
            }
            Ok(exposition::Line::Sample(sample)) => self.sample(line, &sample, &mut None),
            Err(error) => self.malformed(error),
        }
    }

    fn malformed(&mut self, error: LineError) {
        self.reading.counts.malformed += 1;
        self.reading.first_malformed.get_or_insert((self.reading.lines, error));
    }

    /// A line without a value: all of it is its head.
    fn comment(&mut self, line: &[u8], note: Note) -> Place {
        let head = self.fingerprints.of(line);
        let head_bytes = expected_bytes(line.len());
        let line = Line { head, head_bytes, identity: head, note: note.0, kind: LineKind::Landmark };
        let place = self.find(&line);
        self.series.pass(place, &line);
        place
    }

    /// A family was declared by the line at this place: which known lines it makes what they were.
    fn note_under_type(&mut self, place: Place) {
        let is_known = matches!(place, Place::Expected | Place::Moved(_)) && !self.families.are_disputed();
        let under_type =
            self.series.ahead().iter().take_while(|known| is_known && Note(known.note()).stays_under_type());
        let first = self.series.next_place();
        self.reading.under_type = first..first + under_type.count();
    }

    /// Which known line this is. If a line that declares a family is passed over for it, the families are
    /// not those of the scrape before.
    #[inline]
    fn find(&mut self, line: &Line) -> Place {
        let place = self.series.find(line);
        if matches!(place, Place::Moved(_)) && self.families.is_in_step() && self.passes_over_family(place) {
            self.families.depart();
        }
        place
    }

    /// Whether the line at this place passes one over that declares a family, or too many to tell.
    #[inline(never)]
    fn passes_over_family(&self, place: Place) -> bool {
        self.series.passed_over(place).is_none_or(|mut notes| {
            notes.len() > PASSED_OVER_MAX || notes.any(|note| Note(note).handling() == Handling::Type)
        })
    }

    /// `text` begins with the line of the sample.
    fn sample(&mut self, text: &[u8], sample: &Sample<'_>, named: &mut Option<Named>) {
        let counts = &mut self.reading.counts;
        // Whatever comes behind: the body does not count.
        if counts.samples + counts.malformed > SAMPLES_MAX {
            return;
        }
        let value = match sample.value {
            Ok(value) => {
                counts.samples += 1;
                Some(value)
            }
            Err(error) => {
                self.malformed(error);
                None
            }
        };
        let (line, place, note) = self.place(sample, named);
        let may_be_cleaned = !note.is_plain() || note.needs_cleaning();
        if may_be_cleaned && note.handling() != Handling::Ignored && !self.is_known(place, &line) {
            self.note_cleaning(sample, line.identity, note);
        }
        if let Some(value) = value.filter(|_| note.is_watched()) {
            self.watch(sample, value);
        }
        match (note.handling(), value) {
            (Handling::Counter, Some(Number::Finite(value))) if !value.is_negative() => {
                if place == Place::Repeated {
                    self.reading.counts.repeated += 1;
                    return;
                }
                if note.is_watched() && note.role() == Role::HistogramBucket {
                    return self.bucket(sample, &line, place, value);
                }
                // A value that is watched needs a second look every time.
                let written = if note.is_watched() { ShortText::NONE } else { sample.written };
                let owed = self.series.observe(place, &line, value, written);
                if !owed.is_zero() {
                    self.write(text, sample, &line, Some(line.identity), owed);
                }
            }
            (Handling::Counter, value) => {
                self.series.keep(place, &line);
                match value {
                    Some(Number::Finite(_)) => self.reading.counts.negative += 1,
                    Some(Number::NotFinite) => self.reading.counts.not_finite += 1,
                    None => {}
                }
            }
            (handling, value) => {
                self.series.pass(place, &line);
                match value.filter(|_| handling == Handling::Gauge) {
                    Some(Number::Finite(value)) => self.write(text, sample, &line, None, value),
                    Some(Number::NotFinite) => self.reading.counts.not_finite += 1,
                    None => {}
                }
            }
        }
    }

    /// What the line is, and which known one.
    fn place(&mut self, sample: &Sample<'_>, named: &mut Option<Named>) -> (Line, Place, Note) {
        let head = self.fingerprints.of(sample.head);
        let expected = self.series.expected().filter(|known| {
            (known.head(), known.head_bytes()) == (head, sample.head.len()) && self.families.is_in_step()
        });
        if let Some(note) = expected.map(|known| Note(known.note())) {
            let identity = self.series.expected_identity();
            return (self::line(head, identity, sample, note), Place::Expected, note);
        }
        let identity = if sample.usual().is_some() { head } else { self.identity(sample) };
        let was_in_step = self.families.is_in_step();
        let note = self.note(sample, named);
        let line = self::line(head, identity, sample, note);
        let place = self.find(&line);
        if self.families.is_in_step() == was_in_step {
            return (line, place, note);
        }
        // The families turned out to be others, so perhaps the role is.
        let note = self.note(sample, named);
        let line = self::line(head, identity, sample, note);
        (line, self.series.find(&line), note)
    }

    /// Whether this very line, and as what it is, stood here in the scrape before.
    fn is_known(&self, place: Place, line: &Line) -> bool {
        let is_it =
            |known: &Known| (known.head_bytes(), known.note()) == (usize::from(line.head_bytes), line.note);
        place == Place::Expected && self.series.expected().is_some_and(is_it)
    }

    /// The fingerprint of the head in its canonical form.
    #[inline(never)]
    fn identity(&mut self, sample: &Sample<'_>) -> Fingerprint {
        let head = &mut self.reading.head;
        write_head(&sample.name(), &canonical(&sample.labels()), head);
        self.fingerprints.of(head.as_bytes())
    }

    fn note(&mut self, sample: &Sample<'_>, named: &mut Option<Named>) -> Note {
        let Named { standing: Standing { role, follows_type }, is_kept, is_watched, is_plain, .. } =
            self.named(sample, named);
        let plainness = if is_plain { Plain::plainness(sample, role) } else { Plainness::None };
        let is_sent = is_kept && self.is_sent(sample, role, plainness);
        // The place of a bucket among its neighbours matters in every scrape, also where it did not grow.
        let is_observed =
            is_sent && role == Role::HistogramBucket && self.histograms == Histograms::Distributions;
        Note::sample(role, is_sent, is_watched || is_observed, plainness).following_type(follows_type)
    }

    /// Whether the settings have a sample of this role sent.
    fn is_sent(&self, sample: &Sample<'_>, role: Role, plainness: Plainness) -> bool {
        match (role, self.histograms) {
            (Role::HistogramBucket | Role::HistogramCount | Role::HistogramSum, Histograms::Off)
            | (Role::HistogramBucket, Histograms::Counts)
            | (Role::Created, _) => false,
            // Only a bucket with a finite bound is plain. The one without a bound is the same number as `_count`.
            (Role::HistogramBucket, Histograms::Buckets) => {
                plainness != Plainness::None
                    || !observed::bound_text(sample).is_some_and(|le| name::is_infinity(&le))
            }
            // Nothing is known of what it holds.
            (Role::HistogramBucket, Histograms::Distributions) => observed::bound(sample).is_some(),
            _ => true,
        }
    }

    /// Notes what some samples say of the process that the scrape comes from.
    #[inline(never)]
    fn watch(&mut self, sample: &Sample<'_>, value: Number) {
        let Self { reading, .. } = self;
        match sample.name().as_ref() {
            INFO => {
                reading.has_info = true;
                if let Some(id) = sample.labels().get("daemon_id") {
                    reading.source.note_engine(&id);
                }
            }
            CPUS => reading.has_cpus = true,
            START => reading.source.process_start = reading.source.process_start.or(value.finite()),
            _ => {}
        }
    }

    /// `text` begins with the line of the sample.
    #[inline(never)]
    fn write(
        &mut self,
        text: &[u8],
        sample: &Sample<'_>,
        line: &Line,
        carries: Option<Fingerprint>,
        value: Decimal,
    ) {
        let note = Note(line.note);
        if note.is_plain() {
            return self.write_plain(text, sample.head.len(), note, carries, Written::Number(value));
        }
        let kind = if carries.is_some() { Kind::Counter } else { Kind::Gauge };
        self.reading.line_text.truncate(0);
        if let Some(known) = self.encoded.get(line.head, note) {
            self.encoder.encode_known(known, kind, value, &mut self.reading.line_text);
        } else {
            self.encode(sample, line, kind, value);
        }
        let lines = &self.reading.line_text;
        let pushed = self.packets.push(carries, |out| out.push_slice(lines.as_slice()));
        self.count_pushed(pushed, carries);
    }

    /// Writes the lines of a sample, and keeps what they will say again.
    #[inline(never)]
    fn encode(&mut self, sample: &Sample<'_>, line: &Line, kind: Kind, value: Decimal) {
        let note = Note(line.note);
        let sample_name = sample.name();
        let (labels, _) = self.labeling.sent(sample, canonical(&sample.labels()));
        let (name, tags) = name_and_tags(self.format, &self.namespace, &sample_name, labels, note.role());
        let metric = Metric { name: &name, tags: &tags, kind, value };
        self.encoder.encode(&metric, &mut self.reading.line_text);
        self.encoded.keep(line.head, note, self.encoder.last_written());
    }

    /// Notes what is not sent as it is of a line that did not stand here in the scrape before.
    #[inline(never)]
    fn note_cleaning(&mut self, sample: &Sample<'_>, identity: Fingerprint, note: Note) {
        // What becomes of a gauge matters to others, too; of other plain lines only values are cleaned.
        if let Some(usual) =
            sample.usual().filter(|_| note.is_plain() && note.handling() == Handling::Counter)
        {
            let (odd_values, is_last_odd) = usual.odd_values();
            self.reading.cleaning.tags += odd_values + usize::from(is_last_odd);
            return;
        }
        let (mut labels, is_relabelled) = self.labeling.sent(sample, canonical(&sample.labels()));
        let name = sample.name();
        let (name, tags) = name_and_tags(self.format, &self.namespace, &name, labels.clone(), note.role());
        let Cleaning { names, tags } = self.encoder.cleaning(&name, &tags);
        self.reading.cleaning.names += names;
        self.reading.cleaning.tags += tags;
        if (names + tags > 0 || is_relabelled) && note.handling() == Handling::Gauge {
            for (key, value) in &mut labels {
                let (clean_key, clean_value) = self.encoder.cleaned_tag(key, value);
                (*key, *value) = (clean_key.into(), clean_value.into());
            }
            sort(&mut labels);
            let head = &mut self.reading.head;
            write_head(&Encoder::cleaned_name(&sample.name()), &labels, head);
            self.reading.changed_gauges.push((identity, self.fingerprints.of(head.as_bytes())));
        }
    }
}

/// Name and tags as a format has them.
fn name_and_tags<'a>(
    format: Format,
    namespace: &str,
    name: &'a str,
    labels: Vec<Label<'a>>,
    role: Role,
) -> (Cow<'a, str>, Vec<Label<'a>>) {
    if format == Format::Datadog {
        (name::datadog_name(name, role), name::datadog_tags(&labels, role, namespace))
    } else {
        (Cow::Borrowed(name), labels)
    }
}

/// What is remembered of a head's length. With a long one, a value could make the line too long, which only the
/// exact way sees.
fn expected_bytes(head_bytes: usize) -> u16 {
    u16::try_from(head_bytes).ok().filter(|_| head_bytes <= HEAD_BYTES_MAX).unwrap_or(NOT_EXPECTED)
}

fn line(head: Fingerprint, identity: Fingerprint, sample: &Sample<'_>, note: Note) -> Line {
    let head_bytes = expected_bytes(sample.head.len());
    let kind = if note.handling() == Handling::Counter { LineKind::Cumulative } else { LineKind::Passing };
    Line { head, head_bytes, identity, note: note.0, kind }
}
