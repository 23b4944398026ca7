//! The picture in the README: drawn by the code that draws the screen. `UPDATE_GOLDEN=1` writes it anew.

use std::{fmt::Write as _, fs, path::PathBuf};

use ratatui::style::{Color, Modifier};

use super::*;

const SIZE: (u16, u16) = (132, 13);
/// A character, in pixels.
const CELL: (u16, u16) = (8, 17);

/// What a cell of a row has.
enum Cell {
    Text(&'static str),
    Number(f64),
}
use Cell::{Number, Text};

/// A frame of Containers whose rows have these values, by the titles of their columns.
fn containers(rows: &[&[(&str, Cell)]]) -> Arc<Frame> {
    let compiled = Compiled::of(&views()["containers"], true, Show::PLAIN).unwrap();
    let place = |title: &str| compiled.shown.iter().find(|it| it.title == title).unwrap().place;
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    for it in &compiled.shown {
        let (columns, at) = match it.place {
            Place::Key(at) => (&mut keys, at),
            Place::Value(at) => (&mut values, at),
        };
        if columns.len() <= at {
            columns.resize(at + 1, Column::key(String::new(), String::new()));
        }
        columns[at] = Column::key(it.title.clone(), it.field.clone());
    }
    let row = |cells: &&[(&str, Cell)]| {
        let (mut texts, mut numbers) = (vec![Vec::new(); keys.len()], vec![Some(0.0); values.len()]);
        for (title, cell) in *cells {
            match (place(title), cell) {
                (Place::Key(at), Text(text)) => texts[at] = text.as_bytes().to_vec(),
                (Place::Value(at), Number(number)) => numbers[at] = Some(*number),
                _ => panic!("{title}"),
            }
        }
        Row { keys: texts, values: numbers, line: Vec::new() }
    };
    let rows = rows.iter().map(row).collect();
    Arc::new(Frame { rows, keys: keys.clone(), values: values.clone(), ..Frame::new(Form::Table, "", Span::default()) })
}

/// A colour of the terminal on a dark ground.
const fn hex(color: Color, otherwise: &'static str) -> &'static str {
    match color {
        Color::Red | Color::LightRed => "#f47067",
        Color::Green | Color::LightGreen => "#8ddb8c",
        Color::Yellow | Color::LightYellow => "#daaa3f",
        Color::Blue | Color::LightBlue => "#2f5fa8",
        Color::Cyan | Color::LightCyan => "#76d9e6",
        Color::White | Color::Gray => "#e6edf3",
        Color::DarkGray => "#768390",
        _ => otherwise,
    }
}

/// The screen as a picture: a run of characters that look alike is one text.
fn svg(buffer: &Buffer) -> String {
    let (width, height) = (SIZE.0 * CELL.0 + 16, SIZE.1 * CELL.1 + 16);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#0d1117\"/>\n"
    );
    for y in 0..SIZE.1 {
        let mut x = 0;
        while x < SIZE.0 {
            let style = buffer[(x, y)].style();
            let end = (x..SIZE.0).find(|at| buffer[(*at, y)].style() != style).unwrap_or(SIZE.0);
            let text: String = (x..end).map(|at| buffer[(at, y)].symbol()).collect();
            let (left, top) = (8 + x * CELL.0, 8 + y * CELL.1);
            let (mut fg, mut bg) =
                (hex(style.fg.unwrap_or_default(), "#c9d1d9"), hex(style.bg.unwrap_or_default(), ""));
            if style.add_modifier.contains(Modifier::REVERSED) {
                (fg, bg) = ("#0d1117", "#c9d1d9");
            }
            if !bg.is_empty() {
                let wide = (end - x) * CELL.0;
                let _ = writeln!(
                    out,
                    "<rect x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{}\" fill=\"{bg}\"/>",
                    CELL.1
                );
            }
            if !text.trim().is_empty() {
                let bold = if style.add_modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
                let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                let wide = (end - x) * CELL.0;
                let _ = writeln!(
                    out,
                    "<text x=\"{left}\" y=\"{}\" fill=\"{fg}\"{bold} textLength=\"{wide}\" xml:space=\"preserve\">{text}</text>",
                    top + 13
                );
            }
            x = end;
        }
    }
    out + "</svg>\n"
}

#[test]
fn the_picture_of_the_readme_is_what_is_drawn() {
    let mut model = model("containers");
    model.settings.containers = true;
    model.ask();
    let row = |cpu: f64, mem: f64, limit: f64, held_ms: f64, file: f64, net: f64, calls: f64, errors: f64| {
        let numbers = [
            ("CPU%", cpu),
            ("MEM", mem),
            ("LIMIT", limit),
            ("THROTTLED", held_ms * 1e6),
            ("FILE/s", file),
            ("NET/s", net),
        ];
        numbers.into_iter().chain([("CALLS/s", calls), ("ERR/s", errors)]).map(|(title, it)| (title, Number(it)))
    };
    let texts = |engine, image, id, name| {
        [("ENGINE", engine), ("IMAGE", image), ("ID", id), ("NAME", name)].map(|(title, it)| (title, Text(it)))
    };
    let mib = f64::from(1 << 20);
    let rows: Vec<Vec<(&str, Cell)>> = vec![
        row(87.3, 412.0 * mib, 512.0 * mib, 212.0, 18.2 * mib, 1.4 * mib, 9_120.0, 3.0)
            .chain(texts("docker", "postgres:17", "6f1c0b7d2a94", "shop-db"))
            .collect(),
        row(34.1, 96.0 * mib, 256.0 * mib, 0.0, 0.1 * mib, 5.9 * mib, 21_400.0, 14.0)
            .chain(texts("docker", "nginx:1.29", "c03e55aa1b70", "shop-web"))
            .collect(),
        row(12.8, 178.0 * mib, 256.0 * mib, 0.0, 0.4 * mib, 2.2 * mib, 6_310.0, 611.0)
            .chain(texts("docker", "shop/api:4", "91d7fe02c3bb", "shop-api"))
            .collect(),
        row(1.2, 31.0 * mib, 64.0 * mib, 0.0, 0.0, 0.3 * mib, 890.0, 0.0)
            .chain(texts("containerd", "redis:8", "2ab8807f6d15", "cache"))
            .collect(),
    ];
    let rows: Vec<&[(&str, Cell)]> = rows.iter().map(Vec::as_slice).collect();
    for second in 1..8 {
        model.counted(second * 38_000, 0, second * 1_000_000_000);
    }
    model.update(Msg::Frame(1, containers(&rows)));
    let area = Rect::new(0, 0, SIZE.0, SIZE.1);
    let mut buffer = Buffer::empty(area);
    let style = Style { colors: true, theme: Theme::Dark };
    draw::draw(&model, style, "14:03:27", area, &mut buffer).tell(&mut model, SIZE.0);
    let picture = svg(&buffer);
    assert!(picture.contains("shop-db") && picture.contains("THROTTLED"), "{picture}");
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = root.join("docs/pictures/top.svg");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &picture).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), picture, "UPDATE_GOLDEN=1 writes it anew");
    assert!(fs::read_to_string(root.join("README.md")).unwrap().contains("docs/pictures/top.svg"));
}
