//! Pure: a list of calls to the program that the kernel runs for each call (classic BPF, seccomp(2)).
//!
//! Every condition has its answer right behind it, so the longest jump is over the conditions of one call.

use libc::c_long;
use seccompiler::sock_filter;

/// A call that may be made.
#[derive(Clone, Copy)]
pub(super) struct Call {
    pub(super) number: c_long,
    /// Nothing: with any arguments.
    pub(super) only: Option<Only>,
}

/// What one argument has to be. Only its lower half is looked at, as the kernel does with these.
#[derive(Clone, Copy)]
pub(super) struct Only {
    /// The argument's place, from 0.
    pub(super) place: u8,
    /// The bits that count.
    pub(super) mask: u32,
    /// What they may be.
    pub(super) values: &'static [u32],
}

// Where the program finds things, in bytes: `struct seccomp_data`.
const NUMBER: u32 = 0;
const MACHINE: u32 = 4;
const ARGUMENTS: u32 = 16;
const ARGUMENT_BYTES: u32 = 8;

/// The calls are allowed on `machine` (an `AUDIT_ARCH_`). Any other is answered with `errno`, and calls of
/// another machine, whose numbers mean something else, end the process.
pub(super) fn program(machine: u32, calls: impl Iterator<Item = Call>, errno: u32) -> Vec<sock_filter> {
    let refused = answer(libc::SECCOMP_RET_ERRNO | errno);
    let allowed = answer(libc::SECCOMP_RET_ALLOW);
    let mut program = vec![load(MACHINE), is(machine, 1, 0), answer(libc::SECCOMP_RET_KILL_PROCESS)];
    program.push(load(NUMBER));
    for Call { number, only } in calls {
        // Numbers of calls are small.
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let Some(only) = only else {
            program.extend([is(number, 0, 1), allowed.clone()]);
            continue;
        };
        let mut conditions = vec![load(ARGUMENTS + ARGUMENT_BYTES * u32::from(only.place)), and(only.mask)];
        for value in only.values {
            conditions.extend([is(*value, 0, 1), allowed.clone()]);
        }
        conditions.push(refused.clone());
        // A handful, far below what a jump can skip.
        program.push(is(number, 0, u8::try_from(conditions.len()).unwrap_or(u8::MAX)));
        program.append(&mut conditions);
    }
    program.push(refused);
    program
}

/// What is loaded stays so until the next.
fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset, 0, 0)
}

fn and(mask: u32) -> sock_filter {
    instruction(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, mask, 0, 0)
}

/// How many instructions to skip where what is loaded is this, and where it is not.
fn is(value: u32, then: u8, otherwise: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value, then, otherwise)
}

fn answer(value: u32) -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, value, 0, 0)
}

#[allow(clippy::cast_possible_truncation, reason = "codes are below 256")]
fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X86: u32 = 0xc000_003e;
    const ARM: u32 = 0xc000_00b7;
    const ERRNO: u32 = 38;
    const NO: u32 = libc::SECCOMP_RET_ERRNO | ERRNO;
    const YES: u32 = libc::SECCOMP_RET_ALLOW;

    const CALLS: [Call; 4] = [
        Call { number: 0, only: None },
        Call { number: 41, only: Some(Only { place: 0, mask: !0, values: &[1, 2] }) },
        Call { number: 9, only: Some(Only { place: 2, mask: 4, values: &[0] }) },
        Call { number: 231, only: None },
    ];

    /// What the kernel would answer: the four instructions there are, as seccomp(2) defines them.
    fn run(program: &[sock_filter], machine: u32, number: u32, arguments: [u32; 3]) -> u32 {
        let (mut at, mut loaded) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            match u32::from(code) {
                0x20 => {
                    loaded = match k {
                        0 => number,
                        4 => machine,
                        offset => arguments[(offset as usize - 16) / 8],
                    }
                }
                0x54 => loaded &= k,
                0x15 => at += usize::from(if loaded == k { jt } else { jf }),
                0x06 => return k,
                code => panic!("{code}"),
            }
        }
    }

    #[test]
    fn what_is_on_the_list_is_allowed_and_nothing_else() {
        let program = program(X86, CALLS.into_iter(), ERRNO);
        for (machine, number, arguments, expected) in [
            (X86, 0, [7, 7, 7], YES),
            (X86, 231, [0, 0, 0], YES),
            (X86, 1, [0, 0, 0], NO),
            (X86, 59, [0, 0, 0], NO),
            (X86, 41, [1, 9, 9], YES),
            (X86, 41, [2, 9, 9], YES),
            (X86, 41, [3, 1, 2], NO),
            (X86, 41, [0, 0, 0], NO),
            (X86, 9, [0, 0, 3], YES),
            (X86, 9, [0, 0, 4], NO),
            (X86, 9, [0, 0, 7], NO),
            // The same calls by their numbers in another table of the same machine.
            (X86, 0x4000_0000, [7, 7, 7], NO),
            (ARM, 0, [7, 7, 7], libc::SECCOMP_RET_KILL_PROCESS),
        ] {
            let found = run(&program, machine, number, arguments);
            assert_eq!(found, expected, "{machine:x} {number} {arguments:?}");
        }
    }
}
