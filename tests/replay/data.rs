//! `-A`, `-x`, `-X` and `-b` of chisels that print data: each form says the bytes that another tool read from the same capture.

use serde_json::Value as Json;
use tracer_tests::command::output;

use super::peer::peer;

const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/run_as_user_0_container.scap");

/// Base64, as its definition says.
fn decode(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let six = LETTERS.iter().position(|known| *known == letter).unwrap_or_else(|| panic!("{text}"));
        (bits, count) = (bits << 6 | six as u32, count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// The data of each read and write that moved bytes, as sysdig has it.
fn expected() -> Vec<Vec<u8>> {
    let lines = peer("output/run_as_user_0_container.io_json_base64.gz");
    let data = lines.iter().filter_map(|line| {
        let object: Json = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        // Once for -b, and once for JSON.
        let text = String::from_utf8(decode(object["evt.buffer"].as_str()?)).unwrap();
        // Where there is no data, theirs has this and what stood in the buffer before.
        (!text.starts_with("NULL")).then(|| decode(&text))
    });
    data.filter(|bytes| !bytes.is_empty()).collect()
}

/// What a chisel prints behind each of its heads.
fn printed(words: &[&str], is_head: impl Fn(&str) -> bool) -> Vec<String> {
    let output = output(["-r", CAPTURE].into_iter().chain(words.iter().copied()));
    assert_eq!(output.status.code(), Some(0), "{words:?}: {}", output.errors);
    let mut parts: Vec<Vec<&str>> = Vec::new();
    for line in &output.lines {
        match parts.last_mut() {
            _ if is_head(line) => parts.push(Vec::new()),
            Some(part) => part.push(line),
            None => panic!("{words:?} begins with {line}"),
        }
    }
    parts.into_iter().map(|part| part.join("\n")).collect()
}

fn echo_fds(option: &str) -> Vec<String> {
    printed(&[option, "-c", "echo_fds", "disable_color"], |line| line.starts_with("------ "))
}

/// Bytes of rows of hexadecimal digits, and what stands beside them.
fn rows(text: &str) -> (Vec<u8>, String) {
    let (mut bytes, mut beside) = (Vec::new(), String::new());
    for row in text.lines() {
        let (place, rest) =
            row.strip_prefix("\t0x").and_then(|row| row.split_once(": ")).unwrap_or_else(|| panic!("{row}"));
        assert_eq!(usize::from_str_radix(place, 16), Ok(bytes.len()));
        let (digits, characters) = rest.split_once("  ").unwrap_or((rest, ""));
        beside.push_str(characters.trim_start());
        let digits: String = digits.chars().filter(|digit| *digit != ' ').collect();
        let pairs = digits.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).unwrap());
        bytes.extend(pairs.map(|two| u8::from_str_radix(two, 16).unwrap_or_else(|_| panic!("{row}"))));
    }
    (bytes, beside)
}

#[test]
fn chisels_show_data_as_options_say() {
    let expected = expected();
    assert!(expected.len() > 100, "{}", expected.len());
    assert_eq!(echo_fds("-b").iter().map(|text| decode(text)).collect::<Vec<_>>(), expected, "-b");
    assert_eq!(echo_fds("-x").iter().map(|text| rows(text).0).collect::<Vec<_>>(), expected, "-x");
    let dots = |bytes: &[u8]| -> String {
        bytes.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }).collect()
    };
    let without_blanks = |text: &str| text.replace(' ', "");
    for (text, bytes) in echo_fds("-X").iter().zip(&expected) {
        let (shown, beside) = rows(text);
        assert_eq!((&shown, without_blanks(&beside)), (bytes, without_blanks(&dots(bytes))), "-X");
    }
    let printable = |bytes: &[u8]| -> String { dots(bytes).replace('.', "") };
    let all: String = echo_fds("-A").iter().map(|text| text.replace(['\n', '.'], "")).collect();
    assert_eq!(all, expected.iter().map(|bytes| printable(bytes)).collect::<String>(), "-A");
    // Without an option, as ever.
    let plain = printed(&["-c", "echo_fds", "disable_color"], |line| line.starts_with("------ "));
    assert_eq!(plain, expected.iter().map(|bytes| dots(bytes)).collect::<Vec<_>>());
}

/// Each of the shelf that prints data.
#[test]
fn all_chisels_that_print_data_follow_the_options() {
    let words: [&[&str]; 8] = [
        &["echo_fds", "disable_color"],
        &["spy_file"],
        &["spy_ip", "127.0.0.1 disable_color"],
        &["spy_port", "80 disable_color"],
        &["spy_logs"],
        &["stdin"],
        &["stdout"],
        &["stderr"],
    ];
    let shelf = tracer::chisel::Library::builtin().list();
    let printing = shelf.iter().filter(|(_, source)| source.text.contains(".show(")).map(|(name, _)| name.as_str());
    let mut named: Vec<&str> = words.iter().map(|words| words[0]).collect();
    named.sort_unstable();
    assert_eq!(printing.collect::<Vec<_>>(), named);
    let known = expected();
    let mut lines = 0;
    for words in words {
        for capture in ["run_as_user_0_container", "tcp-client-server", "sample"] {
            let capture = format!("{}/captures/{capture}.scap", env!("CARGO_MANIFEST_DIR"));
            let run =
                |option: &str| output(["-r", &capture, "-j", option, "-c"].into_iter().chain(words.iter().copied()));
            for line in run("-b").lines {
                let object: Json = serde_json::from_str(&line).unwrap();
                let text = object["data"].as_str().or(object["line"].as_str()).unwrap_or_else(|| panic!("{line}"));
                let bytes = decode(text);
                let is_known = !capture.contains("run_as") || bytes.is_empty() || known.contains(&bytes);
                assert!(is_known, "{words:?}: {line}");
                lines += 1;
            }
            let rows: Vec<String> = run("-x").lines;
            assert!(
                rows.iter().all(|line| line.contains("0x00") || line.contains("\"data\":\"\"")),
                "{words:?} {rows:?}"
            );
        }
    }
    assert!(lines > 200, "{lines}");
}
