//! Blocks of events: CPU, flags, header, lengths of parameters, parameters, and options behind them.

use super::{
    Fault, Walk,
    bytes::Cursor,
    frame::Block,
    table::{self, Event},
};

/// The longest block that is not a large one, frame included: both sysdigs have 65536 bytes for all behind kind and length.
const MOST_BYTES: usize = 65536 + 8;
/// Time, thread, length and code.
const HEADER: usize = 8 + 8 + 4 + 2;
/// More than any event has.
const MOST_PARAMS: usize = 64;
const CONNECT_E: u16 = 22;
const EXECVE_E: u16 = 292;
const EXECVE_X: u16 = 293;
/// Events whose length was too great in version 1, and by how much.
const TOO_LONG: [u16; 2] = [280, 286];
const EXCESS: usize = 3;
/// The only flag that there is.
const STATE_ONLY: u32 = 1;

/// A block of this many bytes, frame included.
pub(super) fn event(walk: &mut Walk, cursor: &mut Cursor<'_>, block: Block, bytes: usize) -> Result<(), Fault> {
    let start = cursor.at();
    walk.section().events += 1;
    walk.report.event_bytes += bytes as u64;
    if !block.large && bytes > MOST_BYTES {
        walk.report.fault(start, format!("a block of {bytes} bytes, where readers take {MOST_BYTES}"));
    }
    let cpu = cursor.u16("a CPU")?;
    if block.flags {
        walk.report.flagged += 1;
        let flags = cursor.u32("flags")?;
        walk.report.state_only += u64::from(flags & STATE_ONLY);
        if flags & !STATE_ONLY != 0 {
            walk.report.fault(start, format!("flags {flags:#x} of an event"));
        }
    }
    walk.report.large += u64::from(block.large);

    let header = cursor.clone();
    let time = cursor.u64("a time")?;
    let tid = cursor.u64("a thread")?;
    let mut length = cursor.u32("a length")? as usize;
    let code = cursor.u16("a code")?;
    if block.version == 1 && TOO_LONG.contains(&code) {
        length = length.saturating_sub(EXCESS);
    }
    *walk.report.events.entry(code).or_default() += 1;
    order(walk, start, cpu, time);

    let known = table::by_code(code);
    if let Some(known) = known
        && known.large != block.large
    {
        walk.report.fault(start, format!("{} in a block of the wrong size", known.name));
    }
    let mut behind = header.clone();
    let mut own = behind.sub(length, "an event")?;
    own.take(HEADER, "the header of an event")?;
    let params = if block.version == 1 { old_params(&own, known) } else { new_params(&mut own, block.large)? };
    let Some(params) = params else {
        return Err(header.fault(format!("an event of {length} bytes whose parameters do not fill it")));
    };
    match known {
        Some(known) => {
            check(walk, &params, known, code, start);
            beginnings(walk, tid, code, params.len(), start);
        }
        None if walk.rules.ours() => walk.report.fault(start, format!("the unknown event {code}")),
        None => {}
    }
    walk.report.params.0 += params.len() as u64;
    walk.report.params.1 += params.iter().map(|param| param.left() as u64).sum::<u64>();

    options(walk, &mut behind)
}

/// Notes the time of an event.
fn order(walk: &mut Walk, at: usize, cpu: u16, time: u64) {
    let section = walk.section.get_or_insert_default();
    walk.report.inversions.note(at, time, section.latest);
    section.latest = section.latest.max(time);
    let latest = section.latest_of.entry(cpu).or_default();
    walk.report.cpu_inversions.note(at, time, *latest);
    *latest = (*latest).max(time);
}

/// Parameters behind their number and lengths; `None` if they are not as long as the event.
fn new_params<'a>(own: &mut Cursor<'a>, large: bool) -> Result<Option<Vec<Cursor<'a>>>, Fault> {
    let at = own.clone();
    let count = own.u32("a number of parameters")? as usize;
    if count > MOST_PARAMS {
        return Err(at.fault(format!("{count} parameters")));
    }
    let mut lengths = Vec::with_capacity(count);
    for _ in 0..count {
        let length = if large { own.u32("a length")? as usize } else { usize::from(own.u16("a length")?) };
        lengths.push(length);
    }
    split(own.clone(), &lengths)
}

/// Parameters without their number: that of the table, or the next smaller one whose lengths fill the event.
fn old_params<'a>(own: &Cursor<'a>, known: Option<&Event>) -> Option<Vec<Cursor<'a>>> {
    (0..=known?.params.len()).rev().find_map(|count| {
        let mut own = own.clone();
        let lengths: Result<Vec<_>, _> = (0..count).map(|_| own.u16("a length").map(usize::from)).collect();
        split(own, &lengths.ok()?).ok()?
    })
}

/// Cuts what is left into parameters.
fn split<'a>(mut own: Cursor<'a>, lengths: &[usize]) -> Result<Option<Vec<Cursor<'a>>>, Fault> {
    if lengths.iter().sum::<usize>() != own.left() {
        return Ok(None);
    }
    lengths.iter().map(|length| own.sub(*length, "a parameter")).collect::<Result<_, _>>().map(Some)
}

/// Parameters against the table.
fn check(walk: &mut Walk, params: &[Cursor<'_>], known: &Event, code: u16, start: usize) {
    walk.report.short += u64::from(params.len() < known.released);
    if let Some(what) = known.count_fault(params.len(), walk.rules) {
        walk.report.fault(start, format!("{}: {what}", known.name));
    }
    let first = params.first().map(Cursor::rest).unwrap_or_default();
    for (place, (param, row)) in params.iter().zip(&known.params).enumerate() {
        let what = if param.left() > 0 {
            row.shape.fault(param.rest())
        } else {
            *walk.report.empty.entry((code, place)).or_default() += 1;
            let next = params.get(place + 1).is_some_and(|param| param.left() > 0);
            let needed = walk.rules.ours() && row.is_needed(first, next);
            needed.then(|| "no value, where a released reader needs one".to_owned())
        };
        if let Some(what) = what {
            walk.report.fault(param.at(), format!("{}, {}: {what}", known.name, row.name));
        }
    }
}

/// sysdig 0.41 keeps the last `connect` or `execve` that began for each thread, also over its end and over sections. It
/// wants the latter for an `execve` with all parameters but the last, and ends if it has the former.
fn beginnings(walk: &mut Walk, tid: u64, code: u16, params: usize, start: usize) {
    match (code, params) {
        (CONNECT_E, 2) => _ = walk.connects.insert(tid),
        (EXECVE_E, _) => _ = walk.connects.remove(&tid),
        (EXECVE_X, 30) if walk.rules.ours() && walk.connects.contains(&tid) => {
            walk.report.fault(start, "the end of an execve behind the beginning of a connect, not of an execve");
        }
        _ => {}
    }
}

/// Zeros up to a multiple of 4, then options if there is more: code, length, value, zeros up to a multiple of 4. Code 0
/// ends them, or the end of the block, which all released readers take as well.
fn options(walk: &mut Walk, behind: &mut Cursor<'_>) -> Result<(), Fault> {
    zeros(behind)?;
    let mut ended = false;
    while behind.left() > 0 {
        let at = behind.clone();
        if ended {
            return Err(at.fault("bytes behind the last option"));
        }
        let (code, len) = (behind.u16("the code of an option")?, behind.u16("the length of an option")?);
        ended = code == 0;
        if ended && len != 0 {
            return Err(at.fault("the last option has a value"));
        }
        if !ended {
            if walk.rules.ours()
                && let Some(what) = option_fault(code, len)
            {
                walk.report.add(at.fault(what));
            }
            *walk.report.options.entry(code).or_default() += 1;
            behind.take(usize::from(len), "an option")?;
            zeros(behind)?;
        }
    }
    Ok(())
}

/// Wireshark ends a capture without a word at an option that it does not know. It knows comments and custom options, which
/// begin with the number of an organisation.
fn option_fault(code: u16, len: u16) -> Option<String> {
    match code {
        1 => None,
        2988 | 2989 | 19372 | 19373 if len >= 4 => None,
        2988 | 2989 | 19372 | 19373 => Some(format!("a custom option of {len} bytes, which names no organisation")),
        _ => Some(format!("option {code}, at which Wireshark ends")),
    }
}

/// Zeros up to a multiple of 4 of the capture.
fn zeros(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    let at = cursor.clone();
    let len = cursor.at().next_multiple_of(4) - cursor.at();
    let fine = cursor.take(len, "padding")?.iter().all(|byte| *byte == 0);
    if fine { Ok(()) } else { Err(at.fault("padding that is not zero")) }
}
