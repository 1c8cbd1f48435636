//! The converter, through bodies as they stand in the input. The law is that of `convert`.

use super::convert::{check, settings, start};
use crate::pair::{Around, Pair};

/// Between two bodies: no exposition holds it.
pub(crate) const BETWEEN: u8 = 0x1e;
/// The most bodies of an input.
const BODIES_MAX: usize = 16;

/// Two bytes that choose the settings, and bodies with the byte 0x1e between them, each behind two bytes that choose what
/// happens around it.
pub fn bodies(input: &[u8]) {
    let Some(([low, high], bodies)) = input.split_first_chunk() else { return };
    let settings = settings(u16::from_le_bytes([*low, high & 0x7f]));
    let mut pair = Pair::new(&settings, start(*high > 0x7f));
    for body in bodies.split(|byte| *byte == BETWEEN).take(BODIES_MAX) {
        let Some(([bits, refused], body)) = body.split_first_chunk() else { continue };
        let around = Around {
            restarts: bits & 1 != 0,
            fails_after: (bits & 2 != 0).then_some(body.len() * usize::from(bits >> 3) / 32),
            cuts: (bits & 4 != 0).then_some(u64::from(*bits)),
            refused: *refused,
        };
        check(&mut pair, &settings, body, around);
    }
}
