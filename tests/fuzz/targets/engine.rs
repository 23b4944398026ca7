//! Any bytes as what a container engine answers, in pieces of any length: lists, events, inspections, frames.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::state::container::engine::{
    Cutter, Form, Kind, MAX_VALUE, Said,
    frames::{Frames, Part},
    read_lxd,
};

/// What one container may take in memory: labels, mounts and a health check at their limits, and names.
const MAX_BYTES: usize = 512 << 10;

/// The objects of an answer that comes in pieces of that length; `None` if it is not what was expected.
fn objects(form: Form, bytes: &[u8], piece: usize) -> Option<Vec<Vec<u8>>> {
    let (mut cutter, mut all) = (Cutter::new(form), Vec::new());
    for piece in bytes.chunks(piece) {
        cutter.push(piece, &mut |object| all.push(object.to_vec())).ok()?;
    }
    Some(all)
}

/// Data, pings, and how often the end was said.
type Came = (Vec<u8>, Vec<Vec<u8>>, u32);

/// What comes of a stream of frames in pieces of that length; `None` if it is not one.
fn frames(bytes: &[u8], piece: usize) -> Option<Came> {
    let (mut frames, mut data, mut pings, mut closed) = (Frames::default(), Vec::new(), Vec::new(), 0);
    for piece in bytes.chunks(piece) {
        let mut take = |part: Part<'_>| match part {
            Part::Data(body) => data.extend_from_slice(body),
            Part::Ping(body) => pings.push(body.to_vec()),
            Part::Close => closed += 1,
        };
        frames.push(piece, &mut take).ok()?;
    }
    Some((data, pings, closed))
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, answer)) = bytes.split_first() else { return };
    let said = frames(answer, answer.len().max(1));
    assert_eq!(said, frames(answer, usize::from(*first) + 1));
    assert!(said.is_none_or(|(_, pings, _)| pings.iter().all(|body| body.len() <= 125)));
    for form in [Form::Array, Form::Sequence, Form::Wrapped] {
        let whole = objects(form, answer, answer.len().max(1));
        // How it is cut makes no difference.
        assert_eq!(whole, objects(form, answer, usize::from(*first) + 1), "{form:?}");
        // What the usual parser takes for objects is cut as it does.
        let parsed: Option<Vec<serde_json::Value>> = match form {
            Form::Array => serde_json::from_slice(answer).ok(),
            // A member may be there twice, which the usual parser does not tell.
            Form::Wrapped => None,
            Form::Sequence => serde_json::Deserializer::from_slice(answer).into_iter().collect::<Result<_, _>>().ok(),
        };
        if let Some(mut parsed) = parsed {
            parsed.retain(serde_json::Value::is_object);
            let cut = whole.iter().flatten().filter_map(|object| serde_json::from_slice(object).ok());
            assert_eq!(cut.collect::<Vec<serde_json::Value>>(), parsed, "{form:?}");
        }
        for object in whole.iter().flatten() {
            assert!(object.len() <= MAX_VALUE);
            for metadata in read_lxd(object) {
                assert!(metadata.bytes() <= MAX_BYTES, "{} bytes", metadata.bytes());
                assert!(!metadata.full_id.contains(['/', '?']), "{}", metadata.full_id);
            }
            for kind in [Kind::List, Kind::Events, Kind::Inspection] {
                if let Some(Said::Found { metadata, .. }) = kind.read(object, "docker") {
                    assert_eq!(metadata.full_id.len(), 64);
                    assert!(metadata.bytes() <= MAX_BYTES, "{} bytes", metadata.bytes());
                }
            }
        }
    }
});
