//! Keys as bytes: a tag for each value, then the value; text with its length before it.

use std::{
    borrow::Cow,
    net::{Ipv4Addr, Ipv6Addr},
};

use rustc_hash::FxHashMap;

use crate::{
    fields::{Context, FieldRef, InKernel, Needs, Value, container_of, user_shown},
    output,
    state::{ContainerKey, State},
};

/// A key column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Head of the column.
    pub title: String,
    /// The field; `None` for what a script fills in.
    pub field: Option<FieldRef>,
}

impl Column {
    /// The column of a frame that has its values.
    /// What has to be collected for it. The name of a process is looked up when the table is printed.
    pub(super) fn needs(&self) -> Needs {
        let is_main = |field: &&FieldRef| field.field.in_kernel == Some(InKernel::MainName);
        let needs = self.field.as_ref().map_or(Needs::NONE, FieldRef::needs);
        if self.field.as_ref().is_some_and(|field| is_main(&field)) { Needs::WHO } else { needs }
    }

    /// The column of a frame that has its values.
    pub(super) fn of_frame(&self) -> output::Column {
        let name = self.field.as_ref().map_or_else(|| self.title.clone(), FieldRef::name);
        output::Column::key(self.title.clone(), name)
    }
}

const TEXT: u8 = 1;
const I64: u8 = 2;
const U64: u8 = 3;
const F64: u8 = 4;
const BOOL: u8 = 5;
const IPV4: u8 = 6;
const IPV6: u8 = 7;
/// The container of the event; the value is looked up when the table is printed.
const CONTAINER: u8 = 8;
/// The process of the event, whether its main thread did it, and the name of the thread; which name the process has is looked up when the table is
/// printed.
const PROCESS: u8 = 9;

/// The members of the key of a table that is counted in the kernel, from which these columns follow.
pub(super) fn members(columns: &[Column]) -> Result<u32, &'static str> {
    columns.iter().try_fold(0, |key, column| {
        let field = column.field.as_ref().ok_or("the script fills the table")?;
        let members = field.field.in_kernel.and_then(InKernel::key);
        Ok(key | members.ok_or("the kernel does not know all keys of the table")?)
    })
}

/// Appends the value of a column. False when the event has none.
pub(super) fn encode(field: &FieldRef, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
    if field.field.by_container.is_some() {
        if container_of(context).is_none() {
            return false;
        }
        out.push(CONTAINER);
        out.extend_from_slice(&context.container.0.to_le_bytes());
        return true;
    }
    match field.field.in_kernel {
        Some(InKernel::MainName) => {
            let Some(thread) = context.thread.filter(|thread| !thread.comm.is_empty()) else { return false };
            let event = context.event;
            put(PROCESS, &event.tgid.to_le_bytes(), out);
            // What was counted in the kernel says no thread.
            out.push(u8::from(event.group.is_none() && event.tid == event.tgid));
            put_text(&thread.comm, out);
            return true;
        }
        Some(InKernel::UserName) => {
            let name = user_shown(context);
            name.iter().for_each(|name| put_text(name, out));
            return name.is_some();
        }
        _ => {}
    }
    match field.get(context) {
        Value::Missing | Value::EitherIp(_) | Value::EitherPort(_) => return false,
        Value::Text(text) => put_text(&text, out),
        value @ Value::List(_) => {
            let mut text = Vec::new();
            value.write(field.field.digits, &mut text);
            put_text(&text, out);
        }
        Value::I64(number) => put(I64, &number.to_le_bytes(), out),
        Value::U64(number) => put(U64, &number.to_le_bytes(), out),
        Value::F64(number) => put(F64, &number.to_le_bytes(), out),
        Value::Bool(flag) => put(BOOL, &[u8::from(flag)], out),
        Value::Ip(std::net::IpAddr::V4(ip)) => put(IPV4, &ip.octets(), out),
        Value::Ip(std::net::IpAddr::V6(ip)) => put(IPV6, &ip.octets(), out),
    }
    true
}

/// Appends a text.
pub(super) fn put_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(TEXT);
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text);
}

fn put(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

/// The names of processes, by their ids.
pub(super) type Names = FxHashMap<u32, Name>;

/// What is known of the name of a process.
#[derive(Debug)]
pub(super) struct Name {
    text: Box<[u8]>,
    /// How sure it is: the last name of the main thread, as after an exec, above that of the thread with the largest value.
    rank: (bool, u32, f64),
}

/// Finds out the names of the processes in these keys, each with the place of its row, in the order of their first events, and its value. A
/// process has one name, whatever its threads are called.
pub(super) fn names<'k>(columns: &[Column], keys: impl Iterator<Item = (&'k [u8], u32, f64)>, state: &State) -> Names {
    let mut names = Names::default();
    let is_main =
        |column: &Column| column.field.as_ref().is_some_and(|it| it.field.in_kernel == Some(InKernel::MainName));
    if !columns.iter().any(is_main) {
        return names;
    }
    let none = Names::default();
    for (mut key, place, number) in keys {
        for column in columns {
            if let Some((pid, is_main, text)) = process(key) {
                let rank = (is_main, if is_main { place } else { 0 }, number);
                let name = names.entry(pid).or_insert_with(|| Name { text: text.into(), rank });
                let is_later = (rank.0, rank.1).cmp(&(name.rank.0, name.rank.1));
                let is_better = is_later.then(rank.2.total_cmp(&name.rank.2));
                if is_better.then_with(|| text.cmp(&name.text)).is_gt() {
                    *name = Name { text: text.into(), rank };
                }
            }
            let Some((_, rest)) = decode(column.field.as_ref(), key, state, &none) else { break };
            key = rest;
        }
    }
    for (pid, name) in names.iter_mut().filter(|(_, name)| !name.rank.0) {
        // Where threads are not followed, what is known of them is from the last record of any of them.
        let known = state.thread(*pid).filter(|main| !state.brief && !main.is_stranger).map(|main| main.comm.clone());
        let found = known.or_else(|| state.procfs.comm(*pid)).filter(|found| !found.is_empty());
        if let Some(found) = found {
            name.text = found;
        }
    }
    names
}

/// A process at the beginning of a key: its id, whether its main thread did it, and the name of the thread.
fn process(key: &[u8]) -> Option<(u32, bool, &[u8])> {
    let key = key.strip_prefix(&[PROCESS])?;
    let (pid, key) = array(key)?;
    let ([is_main, TEXT], key) = array::<2>(key)? else { return None };
    let (len, key) = array::<4>(key)?;
    Some((u32::from_le_bytes(pid), is_main != 0, key.get(..u32::from_le_bytes(len) as usize)?))
}

/// The order of two keys: of numbers by their size, of texts by their bytes.
pub(super) fn compare(one: &[u8], other: &[u8]) -> std::cmp::Ordering {
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<f64>().ok();
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        _ => one.cmp(other),
    }
}

/// The cells of a key, exact.
pub(super) fn render<'k>(columns: &[Column], mut key: &'k [u8], state: &'k State, names: &'k Names) -> Vec<Vec<u8>> {
    columns
        .iter()
        .map(|column| {
            let Some((value, rest)) = decode(column.field.as_ref(), key, state, names) else { return Vec::new() };
            key = rest;
            let mut text = Vec::new();
            value.write(column.field.as_ref().map(|field| field.field.digits).unwrap_or_default(), &mut text);
            text
        })
        .collect()
}

fn array<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    Some((*head, rest))
}

fn decode<'k>(
    field: Option<&FieldRef>,
    key: &'k [u8],
    state: &'k State,
    names: &'k Names,
) -> Option<(Value<'k>, &'k [u8])> {
    let whole = key;
    let (&tag, key) = key.split_first()?;
    Some(match tag {
        PROCESS => {
            let (pid, _, comm) = process(whole)?;
            let name = names.get(&pid).map_or(comm, |name| &*name.text);
            // The id, the flag, the tag of the text, and its length.
            (Value::Text(Cow::Borrowed(name)), &key[4 + 1 + 1 + 4 + comm.len()..])
        }
        TEXT => {
            let (len, key) = array::<4>(key)?;
            let (text, rest) = key.split_at_checked(u32::from_le_bytes(len) as usize)?;
            (Value::Text(Cow::Borrowed(text)), rest)
        }
        I64 => array(key).map(|(bytes, rest)| (Value::I64(i64::from_le_bytes(bytes)), rest))?,
        U64 => array(key).map(|(bytes, rest)| (Value::U64(u64::from_le_bytes(bytes)), rest))?,
        F64 => array(key).map(|(bytes, rest)| (Value::F64(f64::from_le_bytes(bytes)), rest))?,
        BOOL => array::<1>(key).map(|(bytes, rest)| (Value::Bool(bytes[0] != 0), rest))?,
        IPV4 => array::<4>(key).map(|(bytes, rest)| (Value::Ip(Ipv4Addr::from(bytes).into()), rest))?,
        IPV6 => array::<16>(key).map(|(bytes, rest)| (Value::Ip(Ipv6Addr::from(bytes).into()), rest))?,
        CONTAINER => array(key).map(|(bytes, rest)| {
            let container = state.containers.get(ContainerKey(u32::from_le_bytes(bytes)));
            let of_container = field.and_then(|field| Some((field.field.by_container?, field)));
            let value = of_container.map_or(Value::Missing, |(get, field)| get(container, &field.arg));
            // A container that nobody has a name for is still told from others.
            let value = match value {
                Value::Missing if field.is_some_and(|field| field.field.name == "container.name") => {
                    container.id.as_str().into()
                }
                Value::Missing => Value::text(crate::format::template::MISSING),
                value => value,
            };
            (value, rest)
        })?,
        _ => return None,
    })
}
