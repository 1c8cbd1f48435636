//! An exposition that tries to be read as something else, in every place where it can put a text: in a name, in a label's
//! name and in its value. Each of its samples has a value of its own, so whatever arrives can be told by it.
#![allow(dead_code, reason = "each test binary uses its own part")]

/// The exposition, and what is to become of it.
pub(crate) struct Hostile {
    pub(crate) body: Vec<u8>,
    /// The value of each gauge that can be sent.
    pub(crate) gauges: Vec<u32>,
    /// The value of each counter.
    pub(crate) counters: Vec<u32>,
    /// The value of the gauge whose labels are more than a datagram of 1432 bytes holds, where they are tags.
    pub(crate) large: u32,
    /// The value of the gauge that becomes one with another, which stands behind it.
    pub(crate) merged: u32,
    /// Lines that are no sample.
    pub(crate) malformed: usize,
    pub(crate) not_finite: usize,
    pub(crate) negative: usize,
    pub(crate) repeated: usize,
    /// Samples with a name or a tag that has to be cleaned or cut for `DogStatsD`.
    pub(crate) cleaned_names: usize,
    pub(crate) cleaned_tags: usize,
}

/// Borders of every dialect, what looks like a line of its own, what cannot be seen, and what is long.
fn texts() -> Vec<String> {
    let short = [
        "\nevil:1|c",
        "\nevil:1|c|#admin:true\n",
        ",evil:1",
        "|c|#evil:1",
        "#evil=1,b",
        "@0.1|evil",
        ";evil=1",
        "[evil=1]:2|g",
        "=evil",
        "\0evil",
        "\revil:1|c\r",
        " evil\tb",
        "\u{7f}\u{1b}[31m\u{2028}",
        "|_sc|evil|2",
        "|_e{4,4}:evil|evil",
        "\\n\\nevil\":1|c",
    ];
    let long = ["|".repeat(10_000), "é\n".repeat(5_000)];
    short.map(str::to_owned).into_iter().chain(long).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

impl Hostile {
    pub(crate) fn new() -> Self {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let (mut gauges, mut counters) = (Vec::new(), Vec::new());
        for (number, text) in (0_u32..).zip(texts()) {
            let (key, value) = (quoted(&format!("k{text}")), quoted(&text));
            let (name, counter) = (quoted(&format!("n{number}{text}")), quoted(&format!("c{number}{text}")));
            let [base, ours] = [1000 + 10 * number, 5000 + number];
            gauges.extend([base, base + 1, base + 2]);
            counters.push(ours);
            lines.extend(
                [
                    format!("{{{name},l=\"v\"}} {base}"),
                    format!("key{number}{{{key}=\"v\"}} {}", base + 1),
                    format!("value{number}{{l={value}}} {}", base + 2),
                    format!("# TYPE {counter} counter"),
                    format!("{{{counter},{key}={value}}} {ours}"),
                ]
                .map(String::into_bytes),
            );
        }
        let texts = texts().len();
        let [merged, other, large] = [8000, 8001, 8002];
        gauges.push(other);
        let labels: String = (0..10).map(|label| format!("l{label}=\"{}\",", "v".repeat(1000))).collect();
        let odd: [&[u8]; 15] = [
            b"same{l=\"a|b\"} 8000",
            b"same{l=\"a_b\"} 8001",
            // A line feed that has no escape ends the line.
            b"raw{l=\"a",
            b"evil:1|c\"} 7",
            b"evil:1|c",
            b"name\xff\xfe{l=\"v\"} 7",
            b"label{l\xc3=\"v\"} 7",
            b"value{l=\"a\xf0\x28b\"} 7",
            b"value{l=\"v\"} 7\xff",
            b"gauge{l=\"none\"} NaN",
            b"gauge{l=\"endless\"} -Inf",
            b"# TYPE count counter",
            b"count{l=\"below\"} -7",
            b"count{l=\"twice\"} 9000",
            b"count{l=\"twice\"} 9001",
        ];
        counters.push(9000);
        lines.extend(odd.map(<[u8]>::to_vec));
        lines.push(format!("large{{{labels}}} {large}").into_bytes());
        lines.push(format!("endless{{l=\"{}\"}} 7", "x".repeat(70_000)).into_bytes());
        lines.push(Vec::new());
        Self {
            body: lines.join(&b'\n'),
            gauges,
            counters,
            large,
            merged,
            malformed: 8,
            not_finite: 2,
            negative: 1,
            repeated: 1,
            cleaned_names: 2 * texts,
            // The labels of `large`, and of `same` the first.
            cleaned_tags: 3 * texts + 10 + 1,
        }
    }
}
