//! Which system calls a process may make, by seccomp.
//!
//! A call that is refused answers with "operation not permitted", so that a library that tries something and goes on
//! without it still does.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

use crate::{Held, SandboxError};

/// What computing takes once all threads have been started: memory, locks, time, and streams that are open.
const COMPUTING: [libc::c_long; 35] = [
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fstat,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_read,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_statx,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_membarrier,
    libc::SYS_getrusage,
    libc::SYS_readv,
];

/// What no server does: to look into other processes, to change the machine, and doors of the kernel that most of its
/// flaws were behind.
const ADMINISTRATION: [libc::c_long; 46] = [
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_move_pages,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// Where `mmap` and `mprotect` take what the memory may be used for.
const PROTECTION: u8 = 2;
/// Where `tgkill` takes whom it signals.
const RECEIVER: u8 = 0;

/// Calls with the arguments that they are meant with; with any where there are none.
type Rules = BTreeMap<libc::c_long, Vec<SeccompRule>>;

/// From now on all threads of this process compute, read and write what is open, and ask the kernel for nothing else:
/// they start no thread and no program, open nothing, signal nobody else, and make no memory executable. It can never
/// gain privileges by a program that it executes.
///
/// # Errors
/// The kernel has seccomp and refuses.
pub fn only_compute() -> Result<Held, SandboxError> {
    let is_self = is(RECEIVER, SeccompCmpOp::Eq, std::process::id().into())?;
    let is_data = is(
        PROTECTION,
        SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64),
        0,
    )?;
    let mut rules: Rules = COMPUTING.iter().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_tgkill, vec![is_self]);
    rules.insert(libc::SYS_mmap, vec![is_data.clone()]);
    rules.insert(libc::SYS_mprotect, vec![is_data]);
    apply(rules, refused(), SeccompAction::Allow)
}

/// From now on all threads of this process, and the programs that they start, are refused what no server does. They
/// can never gain privileges by a program that they execute.
///
/// # Errors
/// The kernel has seccomp and refuses.
pub fn no_administration() -> Result<Held, SandboxError> {
    let rules = ADMINISTRATION.iter().map(|call| (*call, Vec::new()));
    apply(rules.collect(), SeccompAction::Allow, refused())
}

fn refused() -> SeccompAction {
    SeccompAction::Errno(libc::EPERM as u32)
}

fn is(argument: u8, compared: SeccompCmpOp, with: u64) -> Result<SeccompRule, Error> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compared, with)?;
    Ok(SeccompRule::new(vec![condition])?)
}

fn apply(rules: Rules, others: SeccompAction, those: SeccompAction) -> Result<Held, SandboxError> {
    let machine = TargetArch::try_from(ARCH).map_err(Error::from)?;
    let filter = SeccompFilter::new(rules, others, those, machine).map_err(Error::from)?;
    let program = BpfProgram::try_from(filter).map_err(Error::from)?;
    match seccompiler::apply_filter_all_threads(&program) {
        Ok(()) => Ok(Held::Whole),
        Err(Error::Seccomp(error)) if is_missing(&error) => Ok(Held::Nothing),
        Err(error) => Err(error.into()),
    }
}

/// Whether the kernel was built without it.
fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_server_does_is_refused() {
        assert_eq!(
            no_administration().unwrap(),
            Held::Whole,
            "this kernel has no seccomp"
        );
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        assert!(status.contains("\nSeccomp:\t2\n"), "{status}");
        assert!(status.contains("\nNoNewPrivs:\t1\n"), "{status}");
        // Whoever may do everything may do this otherwise.
        assert_eq!(rustix::process::chroot("/"), Err(rustix::io::Errno::PERM));
    }
}
