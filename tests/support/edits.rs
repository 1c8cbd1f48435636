//! Small bodies and what can happen to them: lines that come, go and change places, and single bytes.

/// Places are taken modulo what there is. A body is never empty, so that there is one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Edit {
    Body(usize),
    Insert {
        at: usize,
        line: usize,
    },
    Remove {
        at: usize,
    },
    Copy {
        from: usize,
        to: usize,
    },
    Move {
        from: usize,
        to: usize,
    },
    Swap {
        at: usize,
        with: usize,
    },
    Rotate {
        by: usize,
    },
    /// What stands behind the last blank of a line.
    Value {
        at: usize,
        value: usize,
    },
    Grow {
        by: u8,
    },
    InsertByte {
        at: usize,
        byte: u8,
    },
    SetByte {
        at: usize,
        byte: u8,
    },
    RemoveByte {
        at: usize,
    },
}

pub(crate) const BODIES: [&str; 4] = [
    "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"1\",y=\"2\"} 5\na_total{x=\"2\",y=\"2\"} 7.5\n\
     # TYPE g gauge\ng 3\ng{x=\"1\"} -4\n\
     # TYPE h histogram\nh_bucket{x=\"1\",le=\"0.5\"} 1\nh_bucket{x=\"1\",le=\"5\"} 2\n\
     h_bucket{x=\"1\",le=\"+Inf\"} 4\nh_sum{x=\"1\"} 0.75\nh_count{x=\"1\"} 4\n\
     # TYPE s summary\ns{quantile=\"0.5\"} 7\ns{quantile=\"0.99\"} NaN\ns_sum 9\ns_count 2\n\
     # TYPE engine_daemon_engine_info gauge\nengine_daemon_engine_info{daemon_id=\"A\",version=\"28\"} 1\n\
     # TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 100\n",
    "# TYPE a counter\na 1\n# TYPE b counter\nb 1\n# TYPE a_total counter\na_total 1\n",
    "# TYPE a counter\na{i=\"1\"} 1\na{i=\"2\"} 1\na{i=\"3\"} 1\na{i=\"4\"} 1\na{i=\"5\"} 1\na{i=\"6\"} 1\na{i=\"7\"} 1\n\
     a{i=\"8\"} 1\na{i=\"9\"} 1\na{i=\"10\"} 1\na{i=\"11\"} 1\na{i=\"12\"} 1\n# TYPE b gauge\nb 1\n",
    "a 1\n",
];

pub(crate) const LINES: [&str; 86] = [
    "# TYPE a counter",
    "# TYPE a gauge",
    "# TYPE a histogram",
    "# TYPE a summary",
    "# TYPE a_total counter",
    "# TYPE a_total gauge",
    "# TYPE b counter",
    "# TYPE g counter",
    "# TYPE h counter",
    "# TYPE s histogram",
    "# TYPE process_start_time_seconds counter",
    "# TYPE engine_daemon_engine_info counter",
    "# TYPE a",
    " # TYPE a counter",
    "# TYPE \"a.b\" counter",
    "# HELP a_total Other.",
    "#",
    "",
    "a 1",
    "a 2",
    "a  2",
    "a 2\r",
    "a 2 123",
    "a 2 # {} 1",
    "a{} 3",
    "a{x=\"\"} 4",
    "a_total 1",
    "a_total 9",
    "a_total{y=\"2\",x=\"1\"} 6",
    "a_total{x=\"1\",y=\"2\"} 6",
    "a_total{x=\"1\", y=\"2\"} 8",
    "a_total{x=\"1\",y=\"2\",z=\"\"} 8",
    "a_total{x=\"1\",y=\"2\"}9",
    "a_total{x=\"1\",y=\"2\"} x",
    "a_total{x=\"1\",y=\"2\" 1",
    "a_total{x=\"q\\\"\\\\\\n\"} 1",
    "a_total{x=\"é\"} 1",
    "a_total{x=\"a b\"} 1",
    "a_total{x=\"a_b\"} 1",
    "a_total{host=\"h\",version=\"1+2\",dd.internal.x=\"1\"} 1",
    "{\"a.b\"} 1",
    "# TYPE \"a{x=\\\"1\\\"}\" counter",
    "{\"a{x=\\\"1\\\"}\"} 3",
    "a{x=\"1\"} 1",
    "a_total{\"x=\\\"1\\\",y\"=\"2\"} 4",
    "a_total{\"x\"=\"1\",y=\"2\"} 5",
    "a_count 1",
    "a_sum 1",
    "a_bucket{le=\"1\"} 1",
    "a_created 1",
    "b 1",
    "g 5",
    "h_bucket{x=\"1\",le=\"5.0\"} 3",
    "h_bucket{le=\"5\",x=\"1\"} 3",
    "h_bucket 3",
    "h_bucket{le=\"NaN\"} 3",
    "h_bucket{le=\"0.00001\"} 3",
    "h_bucket{le=\"1e22\"} 3",
    "h_count{x=\"2\"} 3",
    "s{quantile=\"1e-05\"} 1",
    "s 1",
    "engine_daemon_engine_cpus_cpus 2",
    "engine_daemon_engine_info{daemon_id=\"B\"} 1",
    "engine_daemon_engine_info 1",
    "process_start_time_seconds 100.5",
    "process_start_time_seconds 200",
    "process_start_time_seconds NaN",
    "# TYPE total counter",
    "total 3",
    "total{x=\"é\"} 2",
    "# TYPE a info",
    "# TYPE h gaugehistogram",
    "# EOF",
    "# TYPE a counter\r",
    "a\t2",
    "  a 2",
    "a 2\u{0}",
    "a{x=\"1\",x=\"2\"} 2",
    "a{quantile=\"1\"} 3",
    "a_total{le=\"5\"} 3",
    "a_total{name=\"x\",time=\"y\",sf_x=\"1\"} 1",
    "h_bucket{x=\"1\",le=\"-Inf\"} 1",
    "h_bucket{x=\"1\",le=\"1\"} 2 123 # {t=\"x\"} 0.5 1",
    "s{x=\"1\",quantile=\"1\"} 6",
    "{x=\"1\",\"a\"} 7",
    "process_start_time_seconds{x=\"1\"} 300",
];

pub(crate) const VALUES: [&str; 40] = [
    "0",
    "1",
    "2",
    "5",
    "7.25",
    "1e3",
    "100",
    "1000000",
    "-1",
    "NaN",
    "+Inf",
    "1x",
    "",
    "0.1",
    "0.30000000000000004",
    "9007199254740993",
    "9007199254740992",
    "18446744073709551616",
    "144115188075855872",
    "1234567",
    "12345678",
    "1234567890123456",
    "12345678901234567.25",
    "1.10",
    "0001",
    ".5",
    "5.",
    "+3",
    "-0",
    "1e+05",
    "5e-324",
    "1 # {} 1",
    "288230376151711744",
    "999999999999999999",
    "18446744073709551615",
    "3e22",
    "4e300",
    "1e-45",
    "1e999",
    "00000000000000000000007",
];

pub(crate) const BYTES: &[u8] = b" \t\n\r\"\\{},=#:;_.+-0159eENaIxyle|@\x00\xff\xc3\xa9";

impl Edit {
    pub(crate) fn apply(self, body: &mut Vec<u8>) {
        match self {
            Self::Body(number) => *body = BODIES[number].into(),
            Self::Insert { at, line } => edit_lines(body, |lines, count| {
                lines.insert(at % (count + 1), format!("{}\n", LINES[line]).into());
            }),
            Self::Remove { at } => edit_lines(body, |lines, count| drop(lines.remove(at % count))),
            Self::Copy { from, to } => edit_lines(body, |lines, count| {
                lines.insert(to % (count + 1), lines[from % count].clone());
            }),
            Self::Move { from, to } => edit_lines(body, |lines, count| {
                let line = lines.remove(from % count);
                lines.insert(to % count, line);
            }),
            Self::Swap { at, with } => {
                edit_lines(body, |lines, count| lines.swap(at % count, with % count));
            }
            Self::Rotate { by } => edit_lines(body, |lines, count| lines.rotate_left(by % count)),
            Self::Value { at, value } => edit_lines(body, |lines, count| {
                set_value(&mut lines[at % count], |_| Some(VALUES[value].to_owned()));
            }),
            Self::Grow { by } => edit_lines(body, |lines, _| {
                let grown = |value: &str| value.trim_end().parse::<u64>().ok()?.checked_add(by.into());
                lines.iter_mut().for_each(|line| set_value(line, |value| Some(grown(value)?.to_string())));
            }),
            Self::InsertByte { at, byte } => body.insert(at % (body.len() + 1), byte),
            Self::SetByte { at, byte } => {
                let at = at % body.len();
                body[at] = byte;
            }
            Self::RemoveByte { at } => drop(body.remove(at % body.len())),
        }
        if body.is_empty() {
            body.push(b'\n');
        }
    }
}

fn edit_lines(body: &mut Vec<u8>, edit: impl FnOnce(&mut Vec<Vec<u8>>, usize)) {
    let mut lines = body.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let count = lines.len();
    edit(&mut lines, count);
    *body = lines.concat();
}

/// Replaces what stands behind the last blank.
fn set_value(line: &mut Vec<u8>, value: impl Fn(&str) -> Option<String>) {
    let Some(blank) = line.iter().rposition(|byte| *byte == b' ') else { return };
    let before = str::from_utf8(&line[blank + 1..]).unwrap_or_default();
    if let (Some(value), true) = (value(before), line[0] != b'#') {
        line.truncate(blank + 1);
        line.extend_from_slice(value.as_bytes());
        line.push(b'\n');
    }
}
