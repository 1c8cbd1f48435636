//! The inputs to begin with: what engines were seen to say, in pieces small enough to be tried a thousand times a second,
//! and one message of each kind.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::error::cannot;
use crate::hostile::Hostile;
use crate::targets::BETWEEN;

/// The longest seed made of an exposition.
const SEED_BYTES_MAX: usize = 3000;

/// The longest line of one that is hostile.
const HOSTILE_BYTES_MAX: usize = 200;

const ANSWERS: [&str; 11] = [
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n\
     5\r\na 1\nb\r\n3\r\n 2\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\na 1\nb 2\n",
    "HTTP/1.0 200 OK\r\ncontent-length:0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0000000A;a=b\r\n0123456789\r\n0\r\nTrailer: a\r\n\r\n",
    "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\na 1\n",
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\na 1\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\nA:\r\n b\r\n\r\na 1\n",
    "HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na 1\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 O\tK\r\nContent-Length:\t0\t\r\n\r\n",
];

const REQUESTS: [&str; 7] = [
    "POST /MetricsCollector.StartMetrics HTTP/1.1\r\nHost: \r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: 0\r\n\
     Accept: application/vnd.docker.plugins.v1.2+json\r\n\r\n",
    "POST /MetricsCollector.StopMetrics HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
    "POST /Plugin.Activate HTTP/1.1\r\nHost: plugin.moby.localhost\r\nConnection: close\r\n\r\n",
    "GET /Plugin.Activate?a=b HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\n\r\n",
    "POST /a/../b%20c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "PUT http://a/b HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
    "POST / HTTP/1.0\r\nHost: /run/docker/plugins/x.sock\r\n\r\n",
];

const SETTINGS: [&str; 6] = [
    "h-1\nTAGS=team:core,host:{hostname},bare\nDD_ENV=prod\nDD_SERVICE=engine\nDD_VERSION=1.2\nHISTOGRAMS=distributions",
    "h\nSTATSD_ADDR=udp://[::1]:8125\nSTATSD_FORMAT=signalfx\nMAX_PACKET_BYTES=256\nMETRIC_PREFIX=a.b_\nHISTOGRAMS=counts",
    "h\nSTATSD_ADDR=unixstream:///run/a.sock\nSCRAPE_ADDR=http://127.0.0.1:9323/metrics\nSCRAPE_TIMEOUT=500ms\nLOG_LEVEL=debug",
    "h\nDD_DOGSTATSD_URL=unix:///var/run/datadog/dsd.socket\nSCRAPE_ADDR=unix:///run/m.sock:/m?a=b\nINTERVAL=1m\nSELF_METRICS=false",
    "h\nDD_AGENT_HOST=agent\nDD_DOGSTATSD_PORT=99\nINCLUDE=a*,?,process_*\nEXCLUDE=*_b\nDROP_LABELS=x\nRENAME_LABELS=y:x,version:v",
    "h\nSTATSD_ADDR=stdout:\nSTATSD_FORMAT=graphite\nHISTOGRAMS=off\nTAGS=name:a/b,x",
];

const NUMBERS: [&str; 4] = [
    "0\n-1\n0.5\n1763824000.25\n1e-9\n999999999999999999\n18446744073709551615",
    "+Inf\n-Inf\nNaN\n1e22\n0.30000000000000004\n1.7976931348623157e308\n5e-324",
    "007.50\n.5\n5.\n1E+05\n-0\n1_000\n0x1p4",
    "100000000000000001.0\n0.00000000000000000000000012345678901234567\n1e400\n1e-400",
];

const STATE: &str = "docker-metrics-statsd state 4\nsaved 1763824000\nkey 1f\nchoice 2a\nunsure 0\nengine A:B\nstart 1763824000.25\n\
                     boot 1763820000 0b2b\n";

/// Writes the seeds of a target into a folder, in place of what is there.
pub fn write(target: &str, folder: &Path) -> Result<(), Error> {
    let attempt = |what: &str| format!("{what} {}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(cannot(attempt("remove")))?;
    }
    fs::create_dir_all(folder).map_err(cannot(attempt("create")))?;
    for (number, seed) in of(target)?.iter().enumerate() {
        let file = folder.join(format!("seed-{number:03}"));
        fs::write(&file, seed).map_err(cannot(attempt("write to")))?;
    }
    Ok(())
}

/// The seeds of a target.
pub fn of(target: &str) -> Result<Vec<Vec<u8>>, Error> {
    let plain = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    let cut = |texts: &[&str]| {
        let texts = texts.iter().map(|text| text.as_bytes());
        texts.flat_map(|text| [[&[0], text].concat(), [&[1], text].concat(), [&[2], text].concat()]).collect()
    };
    Ok(match target {
        "settings" => plain(&SETTINGS),
        "server" => {
            let mut all = REQUESTS.to_vec();
            let pipelined = REQUESTS[..3].concat();
            all.push(&pipelined);
            cut(&all)
        }
        "client" => cut(&ANSWERS),
        "decimal" => plain(&NUMBERS),
        "state" => states(),
        "exposition" => recorded()?.iter().flat_map(|body| parts(body)).chain([hostile()]).collect(),
        "bodies" => {
            let dialects = (0..6).map(|dialect| [&[dialect, 0x80, 0, 0], &hostile()[..]].concat());
            pairs(&recorded()?).into_iter().chain(dialects).collect()
        }
        // Its inputs are choices, of which any bytes are some.
        _ => (0..16_u8).map(|number| (0..64_u8).map(|place| place.wrapping_mul(number)).collect()).collect(),
    })
}

/// States of one series and one debt, and of nothing.
fn states() -> Vec<Vec<u8>> {
    let record = [7, 0, 0, 0, 0, 0, 0, 0, 50, 0, 0, 0, 0, 0, 0, 0, 255, 255];
    let text = b"docker.a.count:5|c\n";
    let full = [STATE.as_bytes(), b"series 1\ndebts 1\n", &record, &record, &[19, 0, 0, 0], text].concat();
    let none = [STATE.as_bytes(), b"series 0\ndebts 0\n"].concat();
    [full, none].map(|file| [&[0, 1, 2], &file[..]].concat()).to_vec()
}

/// What engines were seen to say, in the order of the files' names.
fn recorded() -> Result<Vec<String>, Error> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/scrapes");
    let entries = fs::read_dir(&folder).map_err(cannot("list the recorded scrapes"))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let read = |path: &PathBuf| fs::read_to_string(path).map_err(cannot(format!("read {}", path.display())));
    paths.iter().map(read).collect()
}

/// A hostile body, less what is long in it.
fn hostile() -> Vec<u8> {
    let body = Hostile::new().body;
    let lines = body.split_inclusive(|byte| *byte == b'\n').filter(|line| line.len() <= HOSTILE_BYTES_MAX);
    lines.collect::<Vec<_>>().concat()
}

/// A body in parts of a few families each.
fn parts(body: &str) -> Vec<Vec<u8>> {
    let mut parts: Vec<String> = vec![String::new()];
    for family in body.split_inclusive("\n# HELP") {
        let part = parts.last_mut().unwrap();
        if part.len() + family.len() > SEED_BYTES_MAX && !part.is_empty() {
            parts.push(String::new());
        }
        parts.last_mut().unwrap().push_str(family);
    }
    parts.retain(|part| part.len() <= SEED_BYTES_MAX);
    parts.into_iter().map(String::into_bytes).collect()
}

/// Each engine idle and then active, part by part, with other settings for each.
fn pairs(recorded: &[String]) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (first, second) in recorded.iter().zip(recorded.iter().skip(1)) {
        for (first, second) in parts(first).into_iter().zip(parts(second)) {
            let choice = u16::try_from(seeds.len()).unwrap().wrapping_mul(7).to_le_bytes();
            let around = [u8::try_from(seeds.len() % 8).unwrap(), 0];
            seeds.push(
                [&choice[..], &[0, 0], &first, &[BETWEEN], &around, &second, &[BETWEEN, 0, 1], &first]
                    .concat(),
            );
        }
    }
    seeds
}
