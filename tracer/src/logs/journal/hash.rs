//! The hashes by which data and fields are found in a file: SipHash-2-4 with the file's id as the key, or Jenkins' lookup3 in files of
//! systemd before 246.

use std::hash::Hasher as _;

use super::layout::{Header, u64_at};

/// The hash of `FIELD=value`, or of the name of a field, in that file.
#[must_use]
pub fn of(header: &Header, bytes: &[u8]) -> u64 {
    if header.is_keyed() { sip(&header.file_id.0, bytes) } else { jenkins(bytes) }
}

#[expect(deprecated, reason = "it is SipHash-2-4 as documented, which the file format needs; the newer one may change")]
fn sip(key: &[u8; 16], bytes: &[u8]) -> u64 {
    let mut hasher = std::hash::SipHasher::new_with_keys(u64_at(key, 0), u64_at(key, 8));
    hasher.write(bytes);
    hasher.finish()
}

/// `hashlittle2` of lookup3 with both seeds 0. Source: <https://burtleburtle.net/bob/c/lookup3.c>.
fn jenkins(bytes: &[u8]) -> u64 {
    let begin = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let mut state = [begin; 3];
    let mut rest = bytes;
    // The last twelve bytes, or fewer, are mixed in another way.
    while rest.len() > 12 {
        add(&mut state, &rest[..12]);
        mix(&mut state);
        rest = &rest[12..];
    }
    if !rest.is_empty() {
        add(&mut state, rest);
        finish(&mut state);
    }
    let [_, b, c] = state;
    u64::from(c) << 32 | u64::from(b)
}

/// Adds up to twelve bytes as three numbers.
fn add(state: &mut [u32; 3], bytes: &[u8]) {
    for (number, four) in state.iter_mut().zip(bytes.chunks(4)) {
        let mut padded = [0; 4];
        padded[..four.len()].copy_from_slice(four);
        *number = number.wrapping_add(u32::from_le_bytes(padded));
    }
}

fn mix(state: &mut [u32; 3]) {
    // `state[into]` loses `state[from]`, is combined with it turned, and the third is added to `from`.
    for (into, from, bits) in [(0, 2, 4), (1, 0, 6), (2, 1, 8), (0, 2, 16), (1, 0, 19), (2, 1, 4)] {
        let third = 3 - into - from;
        state[into] = state[into].wrapping_sub(state[from]) ^ state[from].rotate_left(bits);
        state[from] = state[from].wrapping_add(state[third]);
    }
}

fn finish(state: &mut [u32; 3]) {
    for (into, from, bits) in [(2, 1, 14), (0, 2, 11), (1, 0, 25), (2, 1, 16), (0, 2, 4), (1, 0, 14), (2, 1, 24)] {
        state[into] = (state[into] ^ state[from]).wrapping_sub(state[from].rotate_left(bits));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_published_vectors() {
        // lookup3.c, driver5, and the reference vectors of SipHash-2-4: key 00..0f, messages of 0 and 15 bytes.
        assert_eq!(jenkins(b""), 0xdead_beef_dead_beef);
        assert_eq!(jenkins(b"Four score and seven years ago"), 0x1777_0551_ce72_26e6);
        let key: [u8; 16] = std::array::from_fn(|at| at as u8);
        assert_eq!(sip(&key, b""), 0x726f_db47_dd0e_0e31);
        assert_eq!(sip(&key, &key[..15]), 0xa129_ca61_49be_45e5);
    }
}
