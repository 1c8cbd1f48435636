//! What documents tell a reader to type is there, and what they say that the program says, it says.

use std::fs;
use std::path::PathBuf;

use docker_metrics_statsd::config::SETTINGS;

use crate::command_line::output;
use crate::quotations::{VARIES, quotations};
use crate::supply::{root, sources};

/// The program's name.
const PROGRAM: &str = "docker-metrics-statsd";

/// Names that are no settings of the program: of the set-up and of the tests.
const OTHER_NAMES: [&str; 3] = ["SKIP_TESTS", "STATIC_MUSL", "UPDATE"];

/// Every document of the project, with its text.
fn documents() -> Vec<(String, String)> {
    let folders = ["", "docs"].map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let paths = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    let is_document = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let name = |path: &PathBuf| path.strip_prefix(root()).unwrap().display().to_string();
    paths.filter(is_document).map(|path| (name(&path), fs::read_to_string(path).unwrap())).collect()
}

/// The lines of the blocks that are shell, each whole, with its comment cut off.
fn shell(text: &str) -> Vec<String> {
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines = blocks.map(|block| block.replace("\\\n", " "));
    let lines: Vec<_> =
        lines.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines.iter().map(|line| line.split(" #").next().unwrap().trim().to_owned()).collect()
}

/// The commands of a line, each as its words.
fn commands(line: &str) -> impl Iterator<Item = Vec<&str>> {
    let parts = line.split(['|', ';', '&', '(', ')']);
    parts.map(|part| part.split_whitespace().collect()).filter(|words: &Vec<_>| !words.is_empty())
}

/// A setting in front of a command, or of `docker plugin set`.
fn setting(word: &str) -> Option<&str> {
    let (name, _) = word.split_once('=')?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    (is_name && !name.is_empty()).then_some(name)
}

#[test]
fn every_recipe_that_is_to_be_typed_is_there() {
    let justfile = fs::read_to_string(root().join("justfile")).unwrap();
    let is_recipe = |name: &str| {
        justfile.lines().any(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', ':']) && rest.contains(':'))
        })
    };
    let workflow = fs::read_to_string(root().join(".github/workflows/ci.yml")).unwrap();
    let mut named = 0;
    let texts = documents().into_iter().chain([("ci.yml".to_owned(), workflow)]);
    for (document, text) in texts.filter(|(document, _)| document != "CHANGELOG.md") {
        let typed = text.split('`').skip(1).step_by(2).map(str::to_owned);
        let steps = text.lines().filter_map(|line| line.split_once("run: ")).map(|(_, step)| step.to_owned());
        for line in typed.chain(shell(&text)).chain(steps) {
            for words in commands(&line).filter(|words| words[0] == "just") {
                // `just` alone lists the recipes; the others' arguments may be recipes too.
                let Some(recipe) = words.get(1).filter(|word| word.starts_with(char::is_lowercase)) else {
                    continue;
                };
                assert!(recipe.contains('=') || is_recipe(recipe), "{document}: just {recipe}");
                named += 1;
            }
        }
    }
    assert!(named > 30, "{named}");
}

#[test]
fn every_command_flag_and_setting_that_is_to_be_typed_is_there() {
    let (_, help, _) = output(&["--help"], &[]);
    let mut typed = 0;
    for (document, text) in documents() {
        for line in shell(&text) {
            for words in commands(&line) {
                for name in words.iter().filter_map(|word| setting(word)) {
                    let is_known = SETTINGS.iter().any(|setting| setting.name == name);
                    assert!(is_known || OTHER_NAMES.contains(&name), "{document}: {name} in {line}");
                }
                let is_program = |word: &&str| *word == PROGRAM || word.ends_with(&format!("/{PROGRAM}"));
                let words: Vec<_> = words.into_iter().skip_while(|word| setting(word).is_some()).collect();
                if !words.first().is_some_and(is_program) {
                    continue;
                }
                let command = words.get(1).copied().unwrap_or_default();
                assert!(help.contains(&format!("\n  {command} ")), "{document}: {line}");
                let (_, help, _) = output(&[command, "--help"], &[]);
                for flag in words.iter().filter(|word| word.starts_with("--")) {
                    assert!(help.contains(flag), "{document}: {flag} in {line}");
                }
                typed += 1;
            }
        }
    }
    assert!(typed >= 5, "{typed}");
}

#[test]
fn files_are_named_after_the_version() {
    let mut named = 0;
    for (document, text) in documents() {
        for rest in text.split(&format!("{PROGRAM}-")).skip(1) {
            let Some((version, _)) = rest.split_once("-linux-") else { continue };
            if version.starts_with(|first: char| first.is_ascii_digit()) && !version.contains('\n') {
                assert_eq!(version, env!("CARGO_PKG_VERSION"), "{document}");
                named += 1;
            }
        }
    }
    assert!(named >= 3, "{named}");
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut followed = 0;
    for (document, text) in documents() {
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = root().join(&document);
            let target = if path.is_empty() { folder } else { folder.parent().unwrap().join(path) };
            assert!(target.exists(), "{document}: {link}");
            if !anchor.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let mut headings = text.lines().filter(|line| line.starts_with('#')).map(anchor_of);
                assert!(headings.any(|heading| heading == anchor), "{document}: {link}");
            }
            followed += 1;
        }
    }
    assert!(followed > 50, "{followed}");
}

/// What a heading is called in a link.
fn anchor_of(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    words.chars().filter(|char| char.is_alphanumeric() || ['-', '_'].contains(char)).collect()
}

/// The source's texts: strings that go over several lines are one line, and what is put in is `VARIES`.
fn texts_of_the_source() -> String {
    let mut texts = String::new();
    for path in sources(&root().join("src")) {
        let source = fs::read_to_string(path).unwrap().replace("\\\"", "\"");
        let mut pieces = source.split("\\\n");
        let first = pieces.next().unwrap().to_owned();
        let joined = pieces.fold(first, |text, piece| text + piece.trim_start());
        let mut parts = joined.split('{');
        texts += parts.next().unwrap();
        for part in parts {
            // No format has more in it than this; the brace of a block is left as it is.
            match part.split_once('}').filter(|(name, _)| !name.contains([' ', '\n'])) {
                Some((_, rest)) => texts += &format!("{VARIES}{rest}"),
                None => texts += &format!("{{{part}"),
            }
        }
    }
    texts
}

#[test]
fn what_the_log_is_said_to_say_is_in_the_source() {
    let document = fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap();
    let texts = texts_of_the_source();
    let tables = ["the log says", "`check` says"].map(|head| quotations(&document, head));
    let quoted: Vec<_> = tables.into_iter().flatten().flatten().collect();
    for quotation in &quoted {
        assert!(texts.contains(quotation.as_str()), "{quotation}");
    }
    assert!(quoted.len() > 20, "{quoted:#?}");
}
