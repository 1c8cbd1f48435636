use super::*;

/// The smallest static program that Linux takes: a header, one segment, and what a row adds.
fn program(segments: &[(u32, &[u64])]) -> Vec<u8> {
    let count = u16::try_from(segments.len()).unwrap();
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend(ET_DYN.0.to_le_bytes());
    file.extend(Arch::Amd64.elf_machine().0.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    file.extend([0x40_u64, 64, 0].map(u64::to_le_bytes).concat());
    file.extend(0_u32.to_le_bytes());
    file.extend([64_u16, 56, count, 64, 0, 0].map(u16::to_le_bytes).concat());
    let mut offset = 64 + 56 * u64::from(count);
    for (kind, words) in segments {
        let bytes = 8 * words.len() as u64;
        file.extend(kind.to_le_bytes());
        file.extend(5_u32.to_le_bytes());
        file.extend([offset, offset, offset, bytes, bytes, 8].map(u64::to_le_bytes).concat());
        offset += bytes;
    }
    file.extend(segments.iter().flat_map(|(_, words)| words.iter().flat_map(|word| word.to_le_bytes())));
    file
}

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;

#[test]
fn static_programs_are_taken_position_independent_or_not() {
    assert_eq!(check_static(&program(&[(PT_LOAD, &[])]), Arch::Amd64), Ok(()));
    let relocations = [7, 0x1000, 0, 0];
    assert_eq!(check_static(&program(&[(PT_LOAD, &[]), (PT_DYNAMIC, &relocations)]), Arch::Amd64), Ok(()));
}

#[test]
fn what_a_scratch_rootfs_lacks_is_refused() {
    let loader = program(&[(3, &[0])]);
    let library = program(&[(PT_DYNAMIC, &[1, 0x10, 0, 0])]);
    assert_eq!(check_static(&loader, Arch::Amd64), Err(NotStatic::NeedsLoader));
    assert_eq!(check_static(&library, Arch::Amd64), Err(NotStatic::NeedsLibrary));
}

#[test]
fn this_very_test_is_dynamic_and_is_refused() {
    let test = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    assert_eq!(check_static(&test, Arch::host().unwrap()), Err(NotStatic::NeedsLoader));
}

#[test]
fn other_architecture_is_refused() {
    assert_eq!(check_static(&program(&[]), Arch::Arm64), Err(NotStatic::OtherMachine));
}

#[test]
fn library_without_an_entry_point_is_refused() {
    let mut library = program(&[]);
    library[24..32].fill(0);
    assert_eq!(check_static(&library, Arch::Amd64), Err(NotStatic::NotProgram));
}

/// For every way to cut the file or change one byte of it: an answer, no panic.
#[test]
fn damaged_files_get_an_answer() {
    let whole = program(&[(PT_LOAD, &[]), (PT_DYNAMIC, &[7, 0x1000, 0, 0])]);
    for length in 0..64 {
        assert_eq!(check_static(&whole[..length], Arch::Amd64), Err(NotStatic::NotElf), "{length} bytes");
    }
    for length in 64..whole.len() {
        assert!(check_static(&whole[..length], Arch::Amd64).is_err(), "{length} bytes");
    }
    for at in 0..whole.len() {
        for byte in [0, 1, 0x7f, 0xff] {
            let mut changed = whole.clone();
            changed[at] = byte;
            let _ = check_static(&changed, Arch::Amd64);
        }
    }
}
