//! Captures of other tools, made from nothing, each with something that is easily read wrong. What is right is what sysdig
//! 0.29.3 and 0.41.4 print for the same bytes, unless `docs/differences.md` has a row for it.

use tracer_common::{
    events::{code, enter, old::code as old},
    flags::{CLONE_FILES, CLONE_THREAD},
};
use tracer_tests::{
    command::{Output, Running, tracer},
    scap::build::{EVENT, PROCESSES, TID, block, entry, event_of, fds, head, machine, process_in, section, text},
    scratch::Scratch,
};

const FIRST_NS: u64 = 1_500_000_000_000_000_000;

/// A parameter.
type Param = Vec<u8>;

fn long(number: i64) -> Param {
    number.to_le_bytes().to_vec()
}

fn int(number: u32) -> Param {
    number.to_le_bytes().to_vec()
}

fn words(text: &str) -> Param {
    [text.as_bytes(), b"\0"].concat()
}

/// Thread, code, parameters.
type Event = (u64, u16, Vec<Param>);

fn of_shell(code: u16, params: &[Param]) -> Event {
    (TID, code, params.to_vec())
}

/// A capture of a shell, with these lists and events a microsecond apart.
fn capture(lists: &[u8], events: &[Event]) -> Vec<u8> {
    let mut bytes = [&head(), lists].concat();
    for (at, (tid, code, params)) in events.iter().enumerate() {
        let params: Vec<&[u8]> = params.iter().map(Vec::as_slice).collect();
        bytes.extend(block(EVENT, &event_of(FIRST_NS + 1000 * at as u64, *tid, *code, &params, b"")));
    }
    bytes
}

/// What is printed of a capture.
#[track_caller]
fn read(bytes: &[u8], more: &[&str]) -> Output {
    let scratch = Scratch::new();
    let path = scratch.path("foreign.scap");
    std::fs::write(&path, bytes).expect("the capture is written");
    let args = ["-r", path.to_str().expect("paths of tests are text")];
    Running::start(tracer(args.into_iter().chain(more.iter().copied())).env("TZ", "UTC")).end()
}

#[track_caller]
fn lines(bytes: &[u8], more: &[&str]) -> Vec<String> {
    let output = read(bytes, more);
    assert_eq!(output.status.code(), Some(0), "{}", output.errors);
    output.lines.into_iter().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// A descriptor of the shell: its kind, and what follows.
fn fd(number: i64, kind: u8, rest: &[u8]) -> Vec<u8> {
    let entry = entry(&[&number.to_le_bytes()[..], &9_u64.to_le_bytes(), &[kind], rest].concat());
    block(0x218, &[&TID.to_le_bytes()[..], &entry].concat())
}

/// A socket of UDP, as the list of descriptors has it: a "server" at 0.0.0.0.
fn udp(number: i64, port: u16) -> Vec<u8> {
    fd(number, 5, &[&[0; 4][..], &port.to_le_bytes(), &[3]].concat())
}

fn tcp(number: i64) -> Vec<u8> {
    let ends = [&[10, 0, 0, 1, 10, 0, 0, 2][..], &4444_u16.to_le_bytes(), &80_u16.to_le_bytes(), &[2]].concat();
    // Both addresses stand before both ports.
    fd(number, 3, &ends)
}

fn tuple(source: [u8; 4], sport: u16, dest: [u8; 4], dport: u16) -> Param {
    [&[2][..], &source, &sport.to_le_bytes(), &dest, &dport.to_le_bytes()].concat()
}

#[test]
fn a_udp_socket_that_is_older_than_the_capture_takes_the_addresses_of_its_messages() {
    let to_log = tuple([0; 4], 55_441, [127, 0, 0, 1], 514);
    let sent =
        [of_shell(old::SENDMSG_E, &[long(8), int(5), to_log]), of_shell(code::SENDMSG, &[long(5), b"hello".to_vec()])];
    let format = "%evt.type %fd.name %fd.sport %fd.sip %fd.is_server";
    assert_eq!(
        lines(&capture(&udp(8, 55_441), &sent), &["-p", format]),
        ["sendmsg 127.0.0.1:55441->127.0.0.1:514 514 127.0.0.1 false"]
    );
    let received = [
        of_shell(old::RECVFROM_E, &[long(8), int(512)]),
        of_shell(code::RECVFROM, &[long(5), b"hello".to_vec(), tuple([10, 0, 0, 9], 4000, [10, 0, 0, 1], 53)]),
    ];
    assert_eq!(
        lines(&capture(&udp(8, 53), &received), &["-p", format]),
        ["recvfrom 10.0.0.9:4000->10.0.0.1:53 53 10.0.0.1 true"]
    );
}

#[test]
fn who_tried_to_open_a_file_is_found_by_its_name() {
    let failed = |name: &str, flags: u32| of_shell(code::OPEN, &[long(-13), words(name), int(flags), int(0)]);
    let bytes = capture(b"", &[failed("/etc/shadow", 1), failed("secret", 2), failed("/etc/shadow", 2)]);
    let format =
        "%evt.res %fd.num %fd.name %fd.directory %fd.filename %fd.typechar %evt.is_open_read %evt.is_open_write";
    assert_eq!(
        lines(&bytes, &["-p", format, "fd.name=/etc/shadow and evt.failed=true"]),
        ["EACCES -1 /etc/shadow /etc shadow f true false", "EACCES -1 /etc/shadow /etc shadow f false true"]
    );
    assert_eq!(lines(&bytes, &["-p", "%fd.name %fd.nameraw", "fd.filename=secret"]), ["/secret secret"]);
    let made =
        |row: u16, params: &[Param]| lines(&capture(b"", &[of_shell(row, params)]), &["-p", "*%fd.num %fd.name"]);
    assert_eq!(made(code::SOCKET, &[long(-24), int(2), int(1), int(0)]), ["-1 <NA>"], "it has no path");
    assert_eq!(made(code::CREAT, &[long(-13), words("/x"), int(0), int(0), long(0)]), ["-1 /x"]);
}

/// The end of a clone in the child, as captures of 2018 have it.
fn child(tid: u64, pid: i64, parent: i64, flags: u32) -> Event {
    let ids = [long(tid as i64), long(pid), long(parent)];
    let front = [vec![long(0), words("curl"), words("x")], ids.to_vec(), vec![words(""), long(1024), long(0), long(0)]];
    let back = vec![
        int(9),
        int(9),
        int(0),
        words("curl"),
        vec![],
        int(flags),
        int(1000),
        int(1000),
        long(tid as i64),
        long(pid),
    ];
    (tid, code::CLONE, [front.concat(), back].concat())
}

/// The flags that make a thread.
const THREAD: u32 = CLONE_THREAD | CLONE_FILES;

#[test]
fn a_thread_tells_of_the_process_that_it_is_in() {
    let switch = of_shell(code::SWITCH, &[long(842), long(0), long(0), int(0), int(0), int(0)]);
    let bytes = capture(b"", &[child(843, 842, 774, THREAD), switch]);
    assert_eq!(
        lines(&bytes, &["-p", "*%evt.type %evt.arg.pid %evt.arg.next %proc.nthreads %user.loginuid", "evt.type=clone"]),
        ["clone curl <NA> 2 -1"]
    );
    assert!(lines(&bytes, &["evt.type=switch"])[0].contains("next=842(curl)"));
}

#[test]
fn a_parent_of_which_nothing_is_known_has_no_name() {
    let told = (774, code::PROCINFO, vec![long(1), long(1)]);
    let bytes = capture(b"", &[told, child(843, 843, 774, 0)]);
    for field in ["proc.pname", "proc.aname[1]", "proc.pexe", "proc.pcmdline", "proc.aname"] {
        assert_eq!(lines(&bytes, &["-p", "%evt.type", &format!("{field} exists")]), [""; 0], "{field}");
    }
    assert_eq!(lines(&bytes, &["-p", "%user.loginuid"]), ["-1"]);
}

#[test]
fn what_a_record_lacks_is_missing_and_not_0() {
    let fcntl = [of_shell(old::FCNTL_E, &[long(1), vec![5]]), of_shell(code::FCNTL, &[long(0)])];
    let bytes = capture(&tcp(1), &fcntl);
    assert_eq!(
        lines(&bytes, &["-p", "%evt.args"]),
        ["res=0 fd=1(<4t>10.0.0.1:4444->10.0.0.2:80) cmd=5(F_SETFL) arg=<NA>"]
    );
    assert_eq!(lines(&bytes, &["evt.arg.arg=0"]), [""; 0]);
    // The end of a call whose beginning is not in the capture: descriptor 0 has nothing to do with it.
    for (code, params) in [
        (code::READ, vec![long(3), b"abc".to_vec()]),
        (code::LSEEK, vec![long(3)]),
        (code::FUTEX, vec![long(0)]),
        (code::EPOLL_WAIT, vec![long(1)]),
        (code::CLOSE, vec![long(0)]),
    ] {
        let bytes = capture(b"", &[of_shell(code, &params)]);
        let line = &lines(&bytes, &["-p", "*%evt.args fd.num=%fd.num"])[0];
        assert!(line.contains("=<NA>") && line.ends_with("fd.num=<NA>") && !line.contains("=0("), "{line}");
    }
}

#[test]
fn what_a_record_lacks_is_missing_when_it_is_written_again() {
    let bytes =
        capture(&tcp(1), &[of_shell(code::READ, &[long(3), b"abc".to_vec()]), of_shell(code::FCNTL, &[long(0)])]);
    let scratch = Scratch::new();
    let again = scratch.path("again.scap");
    let _ = read(&bytes, &["-w", again.to_str().unwrap()]);
    let (once, twice) = (lines(&bytes, &[]), lines(&std::fs::read(&again).unwrap(), &[]));
    assert!(once[0].contains("fd=<NA> size=<NA>") && once[1].contains("fd=<NA> cmd=<NA> arg=<NA>"), "{once:?}");
    assert_eq!(once, twice);
    tracer_tests::scap::read_file(&again, tracer_tests::scap::Rules::Released).assert_sound();
}

#[test]
fn a_call_that_the_writer_knew_by_its_own_number_only_has_a_name() {
    let begin = of_shell(old::GENERIC_E, &[vec![0; 2], 221_u16.to_le_bytes().to_vec()]);
    let bytes = capture(b"", &[begin, of_shell(code::GENERIC, &[vec![0; 2]])]);
    assert_eq!(lines(&bytes, &["-p", "%evt.type"]), ["fadvise64"]);
    assert_eq!(lines(&bytes, &["-p", "%evt.type", "evt.type=fadvise64"]), ["fadvise64"]);
}

#[test]
fn a_connect_to_nothing_takes_the_peer_away() {
    let nothing = tuple([0; 4], 0, [0; 4], 0);
    let connect = [of_shell(enter::CONNECT_E.code, &[long(1)]), of_shell(code::CONNECT, &[long(0), nothing])];
    assert_eq!(
        lines(&capture(&tcp(1), &connect), &["-p", "*%evt.arg.tuple %fd.name %fd.connected %fd.rip"]),
        ["0.0.0.0:0->0.0.0.0:0 0.0.0.0:0->0.0.0.0:0 false <NA>"]
    );
}

#[test]
fn an_id_that_is_asked_for_is_a_result() {
    for (call, id, name) in [(code::GETUID, 0, "getuid"), (code::GETEGID, 4_000_000_000, "getegid")] {
        let bytes = capture(b"", &[of_shell(call, &[int(id)])]);
        let format = "%evt.type %evt.res %evt.rawres %evt.failed %evt.count.error";
        assert_eq!(lines(&bytes, &["-p", format]), [format!("{name} SUCCESS {id} false 0")]);
    }
}

#[test]
fn an_int_of_a_call_is_no_more_than_an_int() {
    let futex = [of_shell(old::FUTEX_E, &[long(0x1000), vec![128, 0], long(-1)]), of_shell(code::FUTEX, &[long(0)])];
    assert_eq!(lines(&capture(b"", &futex), &["-p", "%evt.rawarg.val"]), ["4294967295"]);
}

#[test]
fn cpu_time_of_a_thread_of_which_nothing_is_known_is_not_that_of_the_host() {
    let told = |ticks: i64| (777, code::PROCINFO, vec![long(ticks), long(ticks)]);
    let bytes = capture(b"", &[told(100), of_shell(code::GETUID, &[int(0)]), told(150)]);
    for chisel in ["topcontainers_cpu", "topprocs_cpu"] {
        let table = lines(&bytes, &["-c", chisel]);
        assert_eq!(table.len(), 2, "a head and no row: {table:?}");
    }
}

#[test]
fn messages_to_the_system_log_keep_their_parameters() {
    let message = b"<85>sudo: x y".to_vec();
    let sent = [of_shell(old::SENDTO_E, &[long(3), int(13), vec![]]), of_shell(code::SENDTO, &[long(13), message])];
    let socket = fd(3, 8, &[&[1; 16][..], &text(b"/dev/log")].concat());
    let bytes = capture(&socket, &sent);
    let line = &lines(&bytes, &[])[0];
    assert!(line.ends_with("sendto res=13 data=<85>sudo: x y fd=3(<u>/dev/log) size=13 tuple=NULL"), "{line}");
    assert_eq!(lines(&bytes, &["-p", "%syslog.severity.str %syslog.message"]), ["notice sudo: x y"]);
}

#[test]
fn an_argument_of_a_chisel_may_be_in_quotes_and_in_small_letters() {
    let bytes = capture(&fds(TID, 1, b"/dev/null"), &[of_shell(code::GETUID, &[int(0)])]);
    for filter in ["'proc.name contains s'", "\"proc.name contains s\"", "proc.name contains s"] {
        assert_eq!(lines(&bytes, &["-c", "ps", filter]).len(), 2, "a head and the shell: {filter}");
    }
    assert_eq!(lines(&bytes, &["-c", "ps", "'proc.name contains nothing'"]).len(), 1);
    assert_eq!(read(&bytes, &["-c", "spy_file", "rw /tmp"]).status.code(), Some(0));
}

#[test]
fn threads_share_what_their_process_has_open() {
    let open = (843, code::OPEN, vec![long(5), words("/tmp/x"), int(1), int(0)]);
    let read = (842, code::READ, vec![long(1), b"x".to_vec(), long(5), int(1)]);
    let bytes = capture(b"", &[child(843, 842, 774, THREAD), open, read]);
    assert_eq!(lines(&bytes, &["-p", "%thread.tid %fd.name %proc.name", "evt.type=read"]), ["842 /tmp/x curl"]);
}

/// What a cut file shows, and what it says at the end.
fn cut(bytes: &[u8]) -> (Vec<String>, String) {
    let output = read(bytes, &[]);
    assert_eq!(output.status.code(), Some(1), "{}", output.errors);
    (output.lines, output.errors.lines().next().unwrap_or_default().to_owned())
}

#[test]
fn a_compressed_capture_that_is_cut_shows_all_that_is_whole() {
    /// What a block of zstd holds at most.
    const BLOCK: usize = 128 << 10;
    let whole = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/captures/sample.scap")).unwrap();
    assert!(whole.len() > BLOCK && whole.len() < 2 * BLOCK);
    // The witness: the same beginning without compression.
    let (expected, said) = cut(&whole[..BLOCK]);
    assert!(expected.len() > 100 && said.contains("cut in the middle of a block"), "{}: {said}", expected.len());
    let zstd = ruzstd::encoding::compress_to_vec(&whole[..], ruzstd::encoding::CompressionLevel::Fastest);
    let (lines, said) = cut(&zstd[..zstd.len() - 9]);
    assert_eq!(lines, expected);
    assert!(said.ends_with("incomplete zstd stream"), "{said}");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &whole).unwrap();
    let gzip = gzip.finish().unwrap();
    let (lines, said) = cut(&gzip[..gzip.len() - 9]);
    assert!(lines.len() >= expected.len() && said.ends_with("incomplete deflate stream"), "{}: {said}", lines.len());
}

#[test]
fn a_capture_of_a_network_is_named_as_such() {
    let pcap =
        [&[0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0][..], &[0; 8], &65_535_u32.to_le_bytes(), &1_u32.to_le_bytes()].concat();
    let interface = block(1, &[&1_u32.to_le_bytes()[..], &65_535_u32.to_le_bytes()].concat());
    let packet = block(6, &[&[0; 20][..], b"ABCD"].concat());
    let pcapng = [section(&[]), interface, packet].concat();
    let swapped: Vec<u8> = pcap.chunks(4).flat_map(|word| word.iter().rev().copied().collect::<Vec<_>>()).collect();
    for bytes in [pcap, pcapng, swapped] {
        for words in [&[][..], &["-c", "topscalls"]] {
            let said = read(&bytes, words).errors;
            assert!(said.contains("a network capture (pcap or pcapng)") && said.contains("hint: use tshark"), "{said}");
        }
        let scratch = Scratch::new();
        let path = scratch.path("network.pcapng");
        std::fs::write(&path, &bytes).expect("the capture is written");
        let info = Running::start(&mut tracer(["info", path.to_str().expect("paths of tests are text")])).end();
        assert!(info.lines.is_empty() && info.errors.contains("a network capture"), "{info:?}");
    }
    // What other tools add to a capture of ours does not make it one of a network.
    let both = [capture(b"", &[of_shell(code::GETUID, &[int(0)])]), block(1, &[0; 8])].concat();
    assert_eq!(lines(&both, &["-p", "%evt.type"]), ["getuid"]);
}

#[test]
fn a_capture_whose_first_event_has_no_time_is_not_from_1970() {
    let mut bytes = head();
    for (at, time) in [0, FIRST_NS, FIRST_NS + 2_000_000_000].into_iter().enumerate() {
        let row = if at == 0 { code::PROCINFO } else { code::GETUID };
        let params: &[&[u8]] = if at == 0 { &[&[0; 8], &[0; 8]] } else { &[&[0; 4]] };
        bytes.extend(block(EVENT, &event_of(time, TID, row, params, b"")));
    }
    let scratch = Scratch::new();
    let path = scratch.path("zero.scap");
    std::fs::write(&path, bytes).unwrap();
    let info = Running::start(tracer(["info", path.to_str().unwrap()]).env("TZ", "UTC")).end().lines.join("\n");
    assert!(info.contains("begins       2017-07-14 02:40:00") && info.contains("length       2.00s"), "{info}");
    let relative = Running::start(tracer(["-r", path.to_str().unwrap(), "-p", "%evt.reltime"]).env("TZ", "UTC")).end();
    assert_eq!(relative.lines, ["000000000", "2000000000"], "{}", relative.errors);
}

#[test]
fn options_may_come_after_the_filter_and_those_for_names_alone_do_no_harm() {
    let bytes = capture(b"", &[of_shell(code::GETUID, &[int(0)]), of_shell(code::GETGID, &[int(0)])]);
    assert_eq!(lines(&bytes, &["evt.type=getuid", "-p", "%evt.type"]), ["getuid"]);
    assert_eq!(lines(&bytes, &["evt.type", "in", "(getuid, getgid)", "-n1", "-p", "%evt.type"]), ["getuid"]);
    let output = read(&bytes, &["-k", "http://127.0.0.1:8080", "-pk", "evt.type=getuid"]);
    assert_eq!((output.status.code(), output.lines.len()), (Some(0), 1), "{}", output.errors);
    assert!(output.errors.contains("option '-k' (the Kubernetes API) is ignored\nhint: "), "{}", output.errors);
}

/// A user's service made a cgroup with the id of the machine's container. Whose the folder was, only the capture says, after the list of
/// processes: until then both seem to be in one container.
#[test]
fn a_claim_outside_of_a_slice_is_no_container_of_the_machine() {
    const ID: &str = "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789";
    const PARENT: &str = "/system.slice/ci.service";
    let of_machine = (TID, format!("cpu=/docker/{ID}\0"));
    let of_user = (TID + 1, format!("cpu={PARENT}/docker-{ID}.scope\0"));
    let named =
        format!(r#"{{"container":{{"id":"abcdef012345","full_id":"{ID}","type":0,"name":"web","claimed":false}}}}"#);
    let claimed = format!(
        r#"{{"container":{{"id":"abcdef012345@7","full_id":"{ID}@7","type":0,"claimed":true,"claimed_by":7,"cgroup_parent":"{PARENT}"}}}}"#
    );
    for (processes, told) in [
        ([&of_machine, &of_user], [&named, &claimed]),
        ([&of_machine, &of_user], [&claimed, &named]),
        ([&of_user, &of_machine], [&named, &claimed]),
        ([&of_user, &of_machine], [&claimed, &named]),
    ] {
        let entries: Vec<u8> =
            processes.iter().flat_map(|(tid, cgroups)| process_in(*tid, b"sh", cgroups.as_bytes())).collect();
        let mut bytes = [section(&[]), machine(), block(PROCESSES, &entries)].concat();
        let container = |json: &String| (u64::MAX, old::CONTAINER_JSON_2_E, vec![words(json)]);
        let exit = |tid: u64| (tid, code::CLOSE, vec![long(-9), long(7)]);
        let events = [container(told[0]), container(told[1]), exit(TID), exit(TID + 1)];
        for (at, (tid, code, params)) in events.iter().enumerate() {
            let params: Vec<&[u8]> = params.iter().map(Vec::as_slice).collect();
            bytes.extend(block(EVENT, &event_of(FIRST_NS + 1000 * at as u64, *tid, *code, &params, b"")));
        }
        let shown = lines(&bytes, &["-p", "*%thread.tid %container.id %container.name %container.claimed"]);
        assert_eq!(shown, ["7 abcdef012345 web false", "8 abcdef012345@7 <NA> true"], "{processes:?} {told:?}");
    }
}
