//! The system calls that a stream makes after setup.
//!
//! The list comes from strace over the tests of the program, with both C libraries. It also has the calls that
//! the libraries make rarely: when memory grows, when a thread ends, when a bug is reported. It has no call that
//! makes sockets, processes, threads, executable memory or new privileges.

use super::Access;
use syscalls::Sysno;
use v4l::v4l2::vidioc;

/// An allowed system call. With conditions in `when`, at least one must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub call: Sysno,
    pub when: Vec<When>,
}

/// A condition: the low half of an argument (counted from 0) equals `value` in the bits of `mask`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct When {
    pub argument: u8,
    pub mask: u32,
    pub value: u32,
}

impl When {
    const fn is(argument: u8, value: u32) -> Self {
        When {
            argument,
            mask: u32::MAX,
            value,
        }
    }

    const fn has_none_of(argument: u8, mask: u32) -> Self {
        When {
            argument,
            mask,
            value: 0,
        }
    }
}

const ALWAYS: &[Sysno] = &[
    // Packets, and open files and devices.
    Sysno::read,
    Sysno::readv,
    Sysno::pread64,
    Sysno::write,
    Sysno::writev,
    Sysno::lseek,
    Sysno::close,
    Sysno::fstat,
    Sysno::ftruncate,
    Sysno::sendto,
    Sysno::recvfrom,
    Sysno::ppoll,
    // File names, which are not secret. Landlock protects the contents.
    Sysno::statx,
    #[cfg(target_arch = "x86_64")]
    Sysno::newfstatat,
    #[cfg(target_arch = "aarch64")]
    Sysno::fstatat,
    Sysno::getdents64,
    Sysno::readlinkat,
    Sysno::getcwd,
    // Memory.
    Sysno::brk,
    Sysno::munmap,
    Sysno::mremap,
    Sysno::madvise,
    // Threads that already run, and the setup of the last ones.
    Sysno::futex,
    Sysno::sched_yield,
    Sysno::sched_getaffinity,
    Sysno::gettid,
    Sysno::getpid,
    Sysno::set_robust_list,
    Sysno::rseq,
    Sysno::sched_setaffinity,
    Sysno::exit,
    Sysno::exit_group,
    // Time and random numbers. Most boards read clocks without a call.
    Sysno::clock_gettime,
    Sysno::clock_nanosleep,
    Sysno::nanosleep,
    Sysno::gettimeofday,
    Sysno::getrandom,
    Sysno::restart_syscall,
    // Incoming signals, and stacks for their handlers.
    Sysno::rt_sigprocmask,
    Sysno::rt_sigreturn,
    Sysno::sigaltstack,
];

/// Older calls that C libraries prefer on this processor and newer processors do not have.
#[cfg(target_arch = "x86_64")]
const OLD: &[Sysno] = &[
    Sysno::poll,
    Sysno::stat,
    Sysno::lstat,
    Sysno::readlink,
    Sysno::time,
];
#[cfg(target_arch = "aarch64")]
const OLD: &[Sysno] = &[];

/// Calls of a program that replaces files by renaming, or writes files that survive a power cut.
const REPLACES: &[Sysno] = &[
    Sysno::fdatasync,
    Sysno::fsync,
    Sysno::renameat,
    Sysno::renameat2,
    Sysno::unlinkat,
    #[cfg(target_arch = "x86_64")]
    Sysno::rename,
    #[cfg(target_arch = "x86_64")]
    Sysno::unlink,
];

const PROT_EXEC: u32 = 4;
const SIGABRT: u32 = 6;
const SIGBUS: u32 = 7;
const SIGSEGV: u32 = 11;

const PR_SET_NAME: u32 = 15;
const PR_GET_AUXV: u32 = 0x4155_5856;

/// `F_GETFD`, `F_SETFD`, `F_GETFL` and `F_SETFL`.
const FCNTL: [u32; 4] = [1, 2, 3, 4];

/// `O_WRONLY` and `O_RDWR`; `O_CREAT`, `O_TRUNC` and the extra bit of `O_TMPFILE`.
const OPEN_WRITES: u32 = 0o3;
const OPEN_MAKES: u32 = 0o100 | 0o1000 | 0o20_000_000;

/// All requests of `source::v4l2`.
const CAMERA: [u32; 20] = [
    number(vidioc::VIDIOC_QUERYCAP),
    number(vidioc::VIDIOC_ENUM_FMT),
    number(vidioc::VIDIOC_ENUM_FRAMESIZES),
    number(vidioc::VIDIOC_ENUM_FRAMEINTERVALS),
    number(vidioc::VIDIOC_S_FMT),
    number(vidioc::VIDIOC_S_PARM),
    number(vidioc::VIDIOC_REQBUFS),
    number(vidioc::VIDIOC_QUERYBUF),
    number(vidioc::VIDIOC_QBUF),
    number(vidioc::VIDIOC_DQBUF),
    number(vidioc::VIDIOC_STREAMON),
    number(vidioc::VIDIOC_STREAMOFF),
    // Sensors.
    number(vidioc::VIDIOC_QUERY_EXT_CTRL),
    number(vidioc::VIDIOC_G_CTRL),
    number(vidioc::VIDIOC_S_CTRL),
    // `MEDIA_IOC_ENUM_ENTITIES`, `_ENUM_LINKS` and `_SETUP_LINK`; `VIDIOC_SUBDEV_ENUM_MBUS_CODE` and `_S_FMT`.
    0xC100_7C01,
    0xC028_7C02,
    0xC034_7C03,
    0xC030_5602,
    0xC058_5605,
];

/// All requests of `serial`: `TCGETS`, `TCSETS`, `TCGETS2`, `TCSETS2`, `TCFLSH`, `TIOCEXCL` and `TIOCOUTQ` of
/// the kernel's asm-generic/ioctls.h. `TIOCSTI`, which types into a terminal, is in the same range.
const TERMINAL: [u32; 7] = [
    0x5401,
    0x5402,
    0x802C_542A,
    0x402C_542B,
    0x540B,
    0x540C,
    0x5411,
];

/// The number of a request has 32 bits, whatever type C libraries use.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "see above"
)]
const fn number(request: vidioc::_IOC_TYPE) -> u32 {
    request as u32
}

pub(super) fn rules(access: &Access) -> Vec<Rule> {
    let rule = |call, when| Rule { call, when };
    let opens = |argument| opens(access, argument);
    let mut rules: Vec<Rule> = ALWAYS
        .iter()
        .chain(OLD)
        .map(|&call| rule(call, Vec::new()))
        .collect();
    rules.push(rule(Sysno::openat, opens(2)));
    #[cfg(target_arch = "x86_64")]
    rules.push(rule(Sysno::open, opens(1)));
    for (call, protection) in [(Sysno::mmap, 2), (Sysno::mprotect, 2)] {
        rules.push(rule(call, vec![When::has_none_of(protection, PROT_EXEC)]));
    }
    let fcntl = FCNTL.map(|command| When::is(1, command));
    rules.push(rule(Sysno::fcntl, fcntl.to_vec()));
    // A thread names itself at its start. rustix asks once for the address of the kernel's clocks.
    let asks = [PR_SET_NAME, PR_GET_AUXV].map(|option| When::is(0, option));
    rules.push(rule(Sysno::prctl, asks.to_vec()));
    // C libraries abort by `tgkill` to this process, or by `tkill` with SIGABRT.
    rules.push(rule(Sysno::tgkill, vec![When::is(0, std::process::id())]));
    rules.push(rule(Sysno::tkill, vec![When::is(1, SIGABRT)]));
    // Fault handlers restore the default action. The SIGSYS handler must stay.
    let faults = [SIGABRT, SIGBUS, SIGSEGV].map(|signal| When::is(0, signal));
    rules.push(rule(Sysno::rt_sigaction, faults.to_vec()));
    if access.accepts {
        rules.push(rule(Sysno::accept4, Vec::new()));
    }
    if !access.create_in.is_empty() {
        // Landlock keeps these to the folders in which files are made.
        rules.extend(REPLACES.iter().map(|&call| rule(call, Vec::new())));
    }
    if !access.devices.is_empty() {
        let requests = CAMERA.iter().chain(&TERMINAL);
        let when = requests.map(|&request| When::is(1, request)).collect();
        rules.push(rule(Sysno::ioctl, when));
        // A serial line is locked each time that it is opened.
        rules.push(rule(Sysno::flock, Vec::new()));
    }
    rules
}

/// Conditions on the flags of opened files; `argument` is the position of the flags.
fn opens(access: &Access, argument: u8) -> Vec<When> {
    if !access.create_in.is_empty() {
        return Vec::new();
    }
    let writes = if access.devices.is_empty() && access.write.is_empty() {
        OPEN_WRITES
    } else {
        0
    };
    vec![When::has_none_of(argument, OPEN_MAKES | writes)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn accesses(devices: bool, files: bool) -> Access {
        let some = |wanted: bool| wanted.then(|| "/dev/null".into()).into_iter().collect();
        Access {
            devices: some(devices),
            create_in: some(files),
            ..Access::default()
        }
    }

    fn rule(access: &Access, call: Sysno) -> Option<Rule> {
        rules(access).into_iter().find(|rule| rule.call == call)
    }

    #[test]
    fn no_call_is_listed_twice() {
        let rules = rules(&accesses(true, true));
        let calls: BTreeSet<Sysno> = rules.iter().map(|rule| rule.call).collect();
        assert_eq!(calls.len(), rules.len());
        for rule in &rules {
            let when: BTreeSet<_> = rule.when.iter().map(|when| when.value).collect();
            assert_eq!(when.len(), rule.when.len(), "{}", rule.call);
        }
    }

    #[test]
    fn what_an_attacker_wants_is_not_there() {
        use Sysno::*;
        for call in [
            socket,
            connect,
            bind,
            listen,
            accept4,
            execve,
            execveat,
            clone,
            clone3,
            ptrace,
            process_vm_writev,
            seccomp,
            bpf,
            io_uring_setup,
            memfd_create,
            mount,
            unshare,
            setns,
            setuid,
            capset,
            kill,
            linkat,
            symlinkat,
            mknodat,
            fchmodat,
            fchownat,
            truncate,
            reboot,
            init_module,
            keyctl,
            userfaultfd,
            perf_event_open,
        ] {
            assert_eq!(rule(&accesses(true, true), call), None, "{call}");
        }
        for call in REPLACES {
            assert_eq!(rule(&accesses(true, false), *call), None, "{call}");
        }
    }

    #[test]
    fn connections_are_accepted_only_where_some_are_expected() {
        let accepts = Access {
            accepts: true,
            ..accesses(true, true)
        };
        let more = rules(&accepts).len() - rules(&accesses(true, true)).len();
        assert_eq!((more, rule(&accepts, Sysno::bind)), (1, None));
        assert!(rule(&accepts, Sysno::accept4).is_some());
    }

    #[test]
    fn a_value_lies_within_its_mask() {
        for rule in rules(&accesses(true, false)) {
            for when in rule.when {
                assert_eq!(when.value & !when.mask, 0, "{}", rule.call);
                assert!(when.argument < 6);
            }
        }
    }

    #[test]
    fn devices_and_new_files_only_where_they_are_needed() {
        let none = accesses(false, false);
        assert_eq!(rule(&none, Sysno::ioctl), None);
        let reads = rule(&none, Sysno::openat).unwrap().when;
        assert_eq!(reads, [When::has_none_of(2, OPEN_MAKES | OPEN_WRITES)]);
        let devices = accesses(true, false);
        let no_new = rule(&devices, Sysno::openat).unwrap().when;
        assert_eq!(no_new, [When::has_none_of(2, OPEN_MAKES)]);
        let requests = rule(&devices, Sysno::ioctl).unwrap().when;
        assert_eq!(requests.len(), 27);
        // TIOCSTI.
        assert!(requests.iter().all(|when| when.value != 0x5412));
        assert!(
            rule(&accesses(false, true), Sysno::openat)
                .unwrap()
                .when
                .is_empty()
        );
    }
}
