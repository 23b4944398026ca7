//! The file of the program: who may change it, where it is from, its inode and its times.

use super::{ids::namespace_start, thread};
use crate::{
    fields::{Context, Value, fields},
    scap::ExeFile,
};

fn file<T>(c: &Context<'_>, get: impl FnOnce(&ExeFile) -> Option<T>) -> Option<T> {
    get(&thread(c)?.exe_file)
}

/// From the change of the file to another time; nothing when it was changed later.
fn since_change(c: &Context<'_>, time_ns: Option<u64>) -> Value<'static> {
    let changed = file(c, |file| file.ctime_ns).filter(|changed| *changed != 0);
    time_ns.zip(changed).and_then(|(time, changed)| time.checked_sub(changed)).into()
}

fields! { FIELDS needs THREADS;
    "proc.is_exe_writable": Bool => |c, _| file(c, |file| file.writable).into(),
        "whether the user may write to the executable; missing for processes that started before a live capture";
    "proc.is_exe_upper_layer": Bool => |c, _| file(c, |file| file.upper_layer).into(),
        "whether the executable is in the upper layer of an overlay; missing for processes that started before a live capture";
    "proc.is_exe_lower_layer": Bool => |c, _| file(c, |file| file.lower_layer).into(),
        "whether the executable is in a lower layer of an overlay; missing for processes that started before a live capture";
    "proc.is_exe_from_memfd": Bool => |c, _| file(c, |file| file.from_memfd).into(),
        "whether the executable is a memfd: memory, not a file";
    "proc.exe_ino": Int => |c, _| file(c, |file| file.ino.filter(|ino| *ino != 0)).into(),
        "inode number of the executable";
    "proc.exe_ino.ctime": Time => |c, _| file(c, |file| file.ctime_ns.filter(|time| *time != 0)).into(),
        "last change of the executable's inode (ctime), since the epoch";
    "proc.exe_ino.mtime": Time => |c, _| file(c, |file| file.mtime_ns.filter(|time| *time != 0)).into(),
        "last change of the executable's content (mtime), since the epoch";
    "proc.exe_ino.ctime_duration_proc_start": Time => |c, _| {
        since_change(c, thread(c).map(|t| t.start_ns).filter(|start_ns| *start_ns != 0))
    }, "time from the last change of the executable's inode to the start of the process";
    "proc.exe_ino.ctime_duration_pidns_start": Time [cost(3)] => |c, _| since_change(c, namespace_start(c)),
        "time from the last change of the executable's inode to the start of the pid namespace";
}
