//! Pure: what a push says while it runs.

use std::fmt;

/// A step of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The repository has it already.
    Present {
        /// What it is, and of which plugin.
        what: String,
    },
    /// Some of it has gone.
    Sent {
        /// What it is, and of which plugin.
        what: String,
        /// So many bytes of it.
        done_bytes: usize,
        /// So many it has.
        all_bytes: usize,
    },
    /// A tag has been set.
    Tagged {
        /// What can be installed now: `NAME:TAG@DIGEST`.
        reference: String,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present { what } => write!(out, "{what}: there already"),
            Self::Sent { what, done_bytes, all_bytes } => {
                write!(out, "{what}: {done_bytes} of {all_bytes} bytes")
            }
            Self::Tagged { reference } => out.write_str(reference),
        }
    }
}

impl Step {
    /// What standard error gets. On a terminal one line counts up until its blob has gone.
    #[must_use]
    pub fn hint(&self, is_terminal: bool) -> String {
        match self {
            // The command's output.
            Self::Tagged { .. } => String::new(),
            Self::Sent { done_bytes, all_bytes, .. } if done_bytes < all_bytes => {
                if is_terminal {
                    format!("\r{self}")
                } else {
                    String::new()
                }
            }
            Self::Sent { .. } if is_terminal => format!("\r{self}\n"),
            Self::Sent { .. } | Self::Present { .. } => format!("{self}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_counts_up_and_a_file_gets_a_line_for_each_blob() {
        let what = "registry.example/a: layer for amd64";
        let sent = |done_bytes| Step::Sent { what: what.to_owned(), done_bytes, all_bytes: 200_000 };
        let steps = [sent(65_536), sent(200_000), Step::Present { what: what.to_owned() }];
        let hints = |is_terminal| steps.iter().map(|step| step.hint(is_terminal)).collect::<String>();
        assert_eq!(
            hints(true),
            format!(
                "\r{what}: 65536 of 200000 bytes\r{what}: 200000 of 200000 bytes\n{what}: there already\n"
            )
        );
        assert_eq!(hints(false), format!("{what}: 200000 of 200000 bytes\n{what}: there already\n"));
    }
}
