//! Files and TCP ports, by Landlock: what is not in a [`Reach`] cannot be opened or connected to.
//!
//! What is open already stays so, standard output among it. Connecting to a unix socket by its path is not
//! restricted, because kernels cannot until 7.1, nor is UDP, which they cannot until 7.2.

use std::io;

use landlock::{
    ABI, Access, AccessFs, AccessNet, AddRuleError, AddRulesError, BitFlags, CreateRulesetError,
    LandlockStatus, NetPort, RestrictSelfError, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::{Kept, Reach, Step};

/// What is refused: all that this version knows of, as far as the kernel knows it. A newer one refuses
/// more, so it is taken when it was tried.
const NEWEST: ABI = ABI::V7;
/// From the first version on.
pub(super) const FILES: &str = "other files";
const FILES_AND_PORTS: &str = "other files and TCP ports";

/// Restricts this thread, and those that it will start.
pub(super) fn give_up(reach: &Reach) -> Step {
    match restrict(reach) {
        Ok(RestrictionStatus { ruleset: RulesetStatus::NotEnforced, .. }) => {
            Step::of(FILES, Err(Kept::Lacking("Landlock")))
        }
        Ok(status) => Step::of(if has_ports(&status) { FILES_AND_PORTS } else { FILES }, Ok(())),
        Err(error) => Step::of(FILES, Err(Kept::Failed(cause(error)))),
    }
}

fn has_ports(status: &RestrictionStatus) -> bool {
    matches!(&status.landlock, LandlockStatus::Available { effective_abi, .. } if *effective_abi >= ABI::V4)
}

/// What the kernel said; the rest of these errors would be mistakes of this module.
fn cause(error: RulesetError) -> io::Error {
    match error {
        RulesetError::CreateRuleset(CreateRulesetError::CreateRulesetCall { source, .. })
        | RulesetError::AddRules(
            AddRulesError::Fs(AddRuleError::AddRuleCall { source, .. })
            | AddRulesError::Net(AddRuleError::AddRuleCall { source, .. }),
        )
        | RulesetError::RestrictSelf(
            RestrictSelfError::RestrictSelfCall { source, .. }
            | RestrictSelfError::SetNoNewPrivsCall { source, .. },
        ) => source,
        _ => io::ErrorKind::InvalidInput.into(),
    }
}

fn restrict(reach: &Reach) -> Result<RestrictionStatus, RulesetError> {
    let rules = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        // What does not exist gets no rule.
        .add_rules(path_beneath_rules(&reach.read, AccessFs::ReadFile))?
        .add_rules(path_beneath_rules(&reach.change, changes()))?;
    let ports = reach.connect.iter().map(|port| NetPort::new(*port, AccessNet::ConnectTcp));
    rules.add_rules(ports.map(Ok::<_, RulesetError>))?.restrict_self()
}

/// What the state file, the plugin's socket and a demo's folder need.
fn changes() -> BitFlags<AccessFs> {
    AccessFs::ReadFile
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::ReadDir
        | AccessFs::MakeReg
        | AccessFs::MakeSock
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::{UnixDatagram, UnixListener};

    use super::*;

    /// Whether there is Landlock here; where there is none, that has to be what is said.
    fn restricted(reach: &Reach) -> bool {
        let step = give_up(reach);
        match step.kept {
            None => true,
            Some(Kept::Lacking("Landlock")) => false,
            Some(kept) => panic!("{kept}"),
        }
    }

    #[test]
    fn only_what_was_named_can_be_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["state", "other", "read"] {
            fs::create_dir(path(name)).unwrap();
            fs::write(path(name).join("file"), "text").unwrap();
        }
        let server = UnixDatagram::bind(path("other/socket")).unwrap();
        let reach = Reach { read: vec![path("read"), path("none")], ..Reach::default() };
        let reach = reach.and_change(path("state"));
        let work = || {
            let is_restricted = restricted(&reach);
            assert_eq!(fs::read(path("read/file")).unwrap(), b"text");
            fs::write(path("state/new"), "text").unwrap();
            fs::File::options().write(true).open(path("state/new")).unwrap().set_len(1).unwrap();
            fs::rename(path("state/new"), path("state/file")).unwrap();
            UnixListener::bind(path("state/socket")).unwrap();
            fs::remove_file(path("state/socket")).unwrap();
            UnixDatagram::unbound().unwrap().connect(path("other/socket")).unwrap();
            for (what, refused) in [
                ("read", fs::read(path("other/file")).is_err()),
                ("write", fs::write(path("read/file"), "text").is_err()),
                ("create", fs::write(path("other/new"), "text").is_err()),
                ("remove", fs::remove_file(path("read/file")).is_err()),
                ("run", std::process::Command::new("/bin/true").status().is_err()),
            ] {
                assert_eq!(refused, is_restricted, "{what}");
            }
        };
        std::thread::scope(|scope| scope.spawn(work).join().unwrap());
        drop(server);
    }

    #[test]
    fn only_ports_that_were_named_can_be_connected_to() {
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [named, other] = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
        let reach = Reach { connect: vec![named.port()], ..Reach::default() };
        std::thread::spawn(move || {
            let step = give_up(&reach);
            TcpStream::connect(named).unwrap();
            assert_eq!(TcpStream::connect(other).is_err(), step.what == FILES_AND_PORTS);
        })
        .join()
        .unwrap();
    }
}
