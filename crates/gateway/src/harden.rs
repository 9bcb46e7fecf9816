//! What the program does first, so that nothing of a record or a secret is left where it does not belong: no core dumps,
//! and panics that say where they were and no more. And it may open as many files as the system lets it, since each
//! connection is one.

use rustix::{
    io::Errno,
    process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit},
    thread::disable_transparent_huge_pages,
};

/// What the system refuses.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum NotHardened {
    /// To leave no core dumps, or to keep debuggers out.
    #[error("core dumps can't be ruled out: {0}")]
    CoreDumps(Errno),
    /// To open more files.
    #[error("the limit of open files can't be raised: {0}")]
    OpenFiles(Errno),
}

/// Hardens this process. What the system refuses is no reason not to serve.
///
/// # Errors
/// [`NotHardened`], for a log that there is not yet.
pub fn harden() -> Result<(), NotHardened> {
    quiet_panics();
    // The allocator asks for pages of 2 MiB, of which a program at rest fills next to nothing: five times the memory for no
    // gain. A system that has no such pages refuses, and that is as good.
    let _ = disable_transparent_huge_pages(true);
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let limited = setrlimit(Resource::Core, none);
    // Without this, a debugger of the same user could read the memory, and a handler of core dumps gets them regardless
    // of the limit.
    let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let files = allow_files();
    limited.and(hidden).map_err(NotHardened::CoreDumps)?;
    files.map_err(NotHardened::OpenFiles)
}

/// Raises the limit of open files as far as it goes. Many systems begin with 1,024, for programs of old that could not
/// count further.
fn allow_files() -> Result<(), Errno> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, most)
}

/// Tells where a panic was, from now on, and nothing of what it says: that may hold a value of a request.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        let location = location.unwrap_or_default();
        if tracing::dispatcher::has_been_set() {
            tracing::error!(location, "a panic: a defect of the gateway");
        } else {
            use std::io::Write as _;
            let _ = writeln!(
                std::io::stderr(),
                "openfinance-gateway: a panic at {location}: a defect of the gateway"
            );
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHILD: &str = "OPENFINANCE_TEST_PANICS";

    #[test]
    fn a_hardened_process_leaves_no_core_dump() {
        if std::env::var_os(CHILD).is_some() {
            harden().unwrap();
            let Rlimit { current, maximum } = getrlimit(Resource::Core);
            assert_eq!((current, maximum), (Some(0), Some(0)));
            let hidden = rustix::process::dumpable_behavior();
            assert!(matches!(hidden, Ok(DumpableBehavior::NotDumpable)));
            return;
        }
        let (good, told) = alone("harden::tests::a_hardened_process_leaves_no_core_dump");
        assert!(good, "{told}");
    }

    #[test]
    fn a_hardened_process_may_open_as_many_files_as_the_system_lets_it() {
        if std::env::var_os(CHILD).is_some() {
            let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
            let few = Rlimit {
                current: Some(64),
                maximum,
            };
            setrlimit(Resource::Nofile, few).unwrap();
            harden().unwrap();
            assert_eq!(getrlimit(Resource::Nofile).current, maximum);
            return;
        }
        let this = "harden::tests::a_hardened_process_may_open_as_many_files_as_the_system_lets_it";
        let (good, told) = alone(this);
        assert!(good, "{told}");
    }

    #[test]
    fn a_panic_tells_where_it_was_and_nothing_of_what_it_says() {
        if std::env::var_os(CHILD).is_some() {
            quiet_panics();
            let said = std::panic::catch_unwind(|| panic!("canary-{}", 1));
            assert!(said.is_err());
            return;
        }
        let this = "harden::tests::a_panic_tells_where_it_was_and_nothing_of_what_it_says";
        let (good, told) = alone(this);
        assert!(good, "{told}");
        let place = "a panic at crates/gateway/src/harden.rs:";
        assert!(told.contains(place) && !told.contains("canary"), "{told}");
    }

    /// Runs a test in another process, since what it does lasts: whether it passed, and all that it printed.
    fn alone(test: &str) -> (bool, String) {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let told = [child.stdout, child.stderr].concat();
        let told = String::from_utf8_lossy(&told).into_owned();
        (child.status.success() && told.contains("1 passed"), told)
    }
}
