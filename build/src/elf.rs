//! Pure: is this file a program that runs with nothing else in its file system?
//!
//! A static program has no interpreter (`PT_INTERP`) and needs no library (`DT_NEEDED`). A static
//! position-independent one has a dynamic section all the same, for its own relocations. Nothing here
//! reads a file; every offset in the bytes is checked before it is followed.

use std::fmt;

use object::Endianness;
use object::elf::{DT_NEEDED, ET_DYN, ET_EXEC, FileHeader64, PT_INTERP};
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _};

use crate::arch::Arch;

/// Why a file cannot be the plugin's binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotStatic {
    /// Not a 64-bit little-endian ELF file, or a damaged one.
    NotElf,
    /// An object file, a library or a core dump.
    NotProgram,
    /// Another architecture.
    OtherMachine,
    /// A loader must start it.
    NeedsLoader,
    /// A library must be loaded with it.
    NeedsLibrary,
}

impl fmt::Display for NotStatic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NotElf => "not a whole 64-bit ELF file",
            Self::NotProgram => "an ELF file, but not a program",
            Self::OtherMachine => "built for another architecture",
            Self::NeedsLoader => "dynamically linked, it asks for a loader (PT_INTERP)",
            Self::NeedsLibrary => "dynamically linked, it asks for a library (DT_NEEDED)",
        })
    }
}

/// Checks that `file` is a static program for `arch`.
pub fn check_static(file: &[u8], arch: Arch) -> Result<(), NotStatic> {
    let damaged = |_| NotStatic::NotElf;
    let header = FileHeader64::<Endianness>::parse(file).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    if header.e_machine(endian) != arch.elf_machine() || endian != Endianness::Little {
        return Err(NotStatic::OtherMachine);
    }
    if !matches!(header.e_type(endian), ET_EXEC | ET_DYN) || header.e_entry(endian) == 0 {
        return Err(NotStatic::NotProgram);
    }
    for segment in header.program_headers(endian, file).map_err(damaged)? {
        if segment.p_type(endian) == PT_INTERP {
            return Err(NotStatic::NeedsLoader);
        }
        let entries = segment.dynamic(endian, file).map_err(damaged)?.unwrap_or_default();
        if entries.iter().any(|entry| entry.d_tag(endian) == DT_NEEDED) {
            return Err(NotStatic::NeedsLibrary);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
