//! The engines that tests run on, and tests that run on each of them.

use crate::support::workspace_root;
use std::path::PathBuf;

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// The one of this machine, on `PATH`; Debian 12 has 20.10. `ENGINE_BIN=DIR` replaces it.
    Installed,
    /// One that `tests/engine/engines.sh` fetched.
    Fetched(&'static str),
}

impl Release {
    /// The folder to look for `dockerd` in before `PATH`.
    pub(crate) fn bin(self) -> Option<PathBuf> {
        match self {
            Self::Installed => std::env::var_os("ENGINE_BIN").map(PathBuf::from),
            Self::Fetched(name) => {
                let folder = workspace_root().join("target/tools/engines").join(name).join("bin");
                assert!(
                    folder.join("dockerd").is_file(),
                    "{} is missing: run `sh tests/engine/engines.sh`, which fetches it\n{}",
                    folder.display(),
                    crate::lab::how_to_skip()
                );
                Some(folder)
            }
        }
    }
}

/// Makes a test of each named function for each engine: `engine_28::the_name`.
macro_rules! on_every_engine {
    ($($name:ident),+ $(,)?) => {
        $crate::release::on_every_engine!(@module installed, $crate::release::Release::Installed, $($name),+);
        $crate::release::on_every_engine!(@module engine_26, $crate::release::Release::Fetched("26"), $($name),+);
        $crate::release::on_every_engine!(@module engine_28, $crate::release::Release::Fetched("28"), $($name),+);
    };
    (@module $module:ident, $release:expr, $($name:ident),+) => {
        mod $module {
            $(
                #[test]
                fn $name() {
                    super::$name($release);
                }
            )+
        }
    };
}
pub(crate) use on_every_engine;
