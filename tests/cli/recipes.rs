//! Published command lines do what they say: see `recipes.txt`.

use tracer_tests::command::{Running, tracer};

/// Words as a shell splits them; only double quotes group.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (at, part) in line.split('"').enumerate() {
        if at % 2 == 1 {
            words.last_mut().unwrap().push_str(part);
            continue;
        }
        let mut pieces = part.split(' ');
        words.last_mut().unwrap().push_str(pieces.next().unwrap_or_default());
        words.extend(pieces.map(str::to_owned));
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn published_command_lines_work() {
    let (mut count, mut wrong) = (0, Vec::new());
    for line in include_str!("recipes.txt").lines().filter(|line| !line.starts_with('#')) {
        let [capture, recipe, shows] = line.split(" | ").collect::<Vec<_>>()[..] else { panic!("{line}") };
        let path = format!("{}/captures/{capture}.scap", env!("CARGO_MANIFEST_DIR"));
        let options = words(recipe);
        let all = ["-r", &path].into_iter().chain(options.iter().map(String::as_str));
        let output = Running::start(tracer(all).env("TZ", "UTC")).end();
        let parts: Vec<&str> = shows.split(';').collect();
        let has = |part: &&str| output.lines.iter().any(|line| line.contains(*part));
        if output.status.code() != Some(0) || !parts.iter().all(has) {
            wrong.push(format!("{line}\n{}\n{}", output.lines.join("\n"), output.errors));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(count >= 45, "{count}");
}
