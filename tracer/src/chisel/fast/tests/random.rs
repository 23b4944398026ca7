//! Random functions of what is known here and of what is not, with fitting and unfitting values, run for some events both ways.

use std::fmt::Write as _;

use super::*;
use crate::chisel::value::Data;

/// Programs of a usual run.
const PROGRAMS: u64 = 2000;
/// Events of each.
const EVENTS: usize = 4;

/// Variables of the script, by type. The fields come first: they have the values of an event.
const TOP: &str = "let f0 = field(\"evt.num\"); let f1 = field(\"evt.rawres\"); let f2 = field(\"proc.name\");
let f3 = field(\"fd.name\"); let f4 = field(\"evt.buffer\"); let f5 = field(\"evt.type\");
let i0 = 0; let i1 = 9223372036854775807; let i2 = -9223372036854775807; let i3 = 3;
let x0 = 0.0; let x1 = 1.5; let x2 = 1e308; let x3 = -0.1;
let t0 = \"\"; let t1 = \"text\"; let t2 = \"äöü𝄞\"; const t3 = \"constant\";
let b0 = true; let b1 = false; let u0 = (); let u1 = ();
let y0 = tally(#{ keys: [\"K\"], value: #{ title: \"V\" } });
let m0 = #{}; let m1 = #{ a: 1, len: 2, \"\": \"x\" }; let l0 = [1, \"a\"]; let c0 = 'c';
fn own(a) { a } fn twice(a) { this.i0 += 1; a + a }\n";

/// Types of expressions.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Int,
    Float,
    Text,
    Bool,
    Any,
}

const KINDS: [Kind; 5] = [Kind::Int, Kind::Float, Kind::Text, Kind::Bool, Kind::Any];

/// Numbers that look random (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    /// Once in so many times.
    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

/// Writes a function.
struct Writer<'r> {
    random: &'r mut Random,
    /// Variables of the function that are visible.
    locals: Vec<(String, Kind)>,
}

impl Writer<'_> {
    fn block(&mut self, depth: u32) -> String {
        let visible = self.locals.len();
        let mut text = String::from("{ ");
        for _ in 0..self.random.below(4) {
            let statement = self.statement(depth);
            let _ = write!(text, "{statement} ");
        }
        if self.random.once_in(2) {
            let value = self.any(depth);
            text.push_str(&value);
        }
        self.locals.truncate(visible);
        text + " }"
    }

    fn any(&mut self, depth: u32) -> String {
        let kind = self.random.of(&KINDS);
        self.expr(kind, depth)
    }

    fn statement(&mut self, depth: u32) -> String {
        let kind = self.random.of(&KINDS);
        let depth = depth.saturating_sub(1);
        match self.random.below(if depth == 0 { 12 } else { 19 }) {
            0..3 => {
                let value = self.expr(kind, depth);
                let name = self.random.of(&["a", "b", "c", "d", "evt2", "text"]);
                self.locals.push((name.to_owned(), kind));
                format!("{} {name} = {value};", if self.random.once_in(8) { "const" } else { "let" })
            }
            3..5 if !self.locals.is_empty() => {
                let at = self.random.below(self.locals.len() as u64) as usize;
                let (name, kind) = self.locals[at].clone();
                let op = self.random.of(&["=", "=", "+=", "-=", "*=", "/=", "%="]);
                format!("{name} {op} {};", self.expr(kind, depth))
            }
            5..8 => {
                let op = self.random.of(&["=", "=", "+=", "+=", "-=", "*=", "/="]);
                let name = self.variable(kind);
                format!("{name} {op} {};", self.expr(kind, depth))
            }
            8..10 => {
                let op = self.random.of(&["=", "=", "=", "+="]);
                let map = self.random.of(&["m0", "m0", "m1", "i0", "u0", "l0"]);
                let key = self.key(depth);
                format!("this.{map}[{key}] {op} {};", self.expr(kind, depth))
            }
            10 if self.random.once_in(3) => self.effect(depth),
            10 => format!("{};", self.expr(kind, depth)),
            11 => self.strange(depth),
            12 => format!("return {};", self.expr(kind, depth)),
            _ => {
                let condition = self.expr(Kind::Bool, depth);
                let (then, otherwise) = (self.block(depth), self.block(depth));
                if self.random.once_in(2) {
                    format!("if {condition} {then} else {otherwise}")
                } else {
                    format!("if {condition} {then}")
                }
            }
        }
    }

    /// What is the interpreter's, mostly.
    fn strange(&mut self, depth: u32) -> String {
        let value = self.any(depth);
        let name = self.random.of(&["i0", "t1", "m0", "u1", "b0"]);
        match self.random.below(14) {
            0 => format!("for k in 0..3 {{ this.i0 += k; }} {value};"),
            1 => format!("own({value});"),
            2 => format!("this.i3 = twice({value});"),
            3 => "throw \"thrown\";".to_owned(),
            4 => format!("try {{ {value}; }} catch {{ this.i0 = 1; }}"),
            5 => format!("let it = {value}; it.set_tag(3); this.{name} = it;"),
            6 => format!("this.{name} = [{value}];"),
            7 => format!("this.{name} = #{{ a: {value} }};"),
            8 => "this.m0.clear();".to_owned(),
            9 => format!("let closed = {value}; let f = || closed; this.u0 = f.call();"),
            10 => format!("switch {value} {{ 1 => this.i0 = 5, \"text\" => return 3, _ => () }}"),
            11 => "evt = 5;".to_owned(),
            12 => format!("this.fresh = {value};"),
            _ => format!("this.m1 = this.{name};"),
        }
    }

    fn effect(&mut self, depth: u32) -> String {
        let value = self.expr(Kind::Text, depth);
        match self.random.below(8) {
            0 => format!("emit_json(#{{ a: {value}, b: [{}] }});", self.any(depth)),
            1 => "stop();".to_owned(),
            2 => format!("this.y0.add([{value}], {});", self.expr(Kind::Int, depth)),
            _ => format!("print({value});"),
        }
    }

    fn key(&mut self, depth: u32) -> String {
        match self.random.below(12) {
            0 => self.any(depth),
            1 => "\"len\"".to_owned(),
            2..5 => "\"a\"".to_owned(),
            _ => self.expr(Kind::Text, depth.min(1)),
        }
    }

    /// A variable of the script.
    fn variable(&mut self, kind: Kind) -> String {
        let name = match kind {
            Kind::Int => self.random.of(&["i0", "i0", "i1", "i2", "i3"]),
            Kind::Float => self.random.of(&["x0", "x1", "x2", "x3"]),
            Kind::Text => self.random.of(&["t0", "t1", "t2", "t3"]),
            Kind::Bool => self.random.of(&["b0", "b1"]),
            Kind::Any => self.random.of(&["u0", "u1", "m0", "l0", "c0", "i0", "t0", "f0", "missing"]),
        };
        format!("this.{name}")
    }

    fn expr(&mut self, kind: Kind, depth: u32) -> String {
        // What does not fit.
        let kind = if self.random.once_in(25) { self.random.of(&KINDS) } else { kind };
        if depth == 0 || self.random.once_in(3) {
            return self.simple(kind);
        }
        let depth = depth - 1;
        match self.random.below(12) {
            0 => {
                let condition = self.expr(Kind::Bool, depth);
                let (then, otherwise) = (self.expr(kind, depth), self.expr(kind, depth));
                format!("(if {condition} {{ {then} }} else {{ {otherwise} }})")
            }
            1 if self.random.once_in(3) => self.block(depth),
            2 if self.random.once_in(2) => {
                let (left, right) = (self.expr(Kind::Any, depth), self.expr(kind, depth));
                format!("({left} ?? {right})")
            }
            _ => self.compound(kind, depth),
        }
    }

    fn compound(&mut self, kind: Kind, depth: u32) -> String {
        match kind {
            Kind::Int | Kind::Float => {
                let (left, right) = (self.expr(kind, depth), self.expr(kind, depth));
                match self.random.below(8) {
                    0 => format!("(-{left})"),
                    1 => format!("{}.len()", self.place(depth)),
                    _ => format!("({left} {} {right})", self.random.of(&["+", "+", "-", "*", "/", "%"])),
                }
            }
            Kind::Text if self.random.once_in(5) => {
                let (text, number) = (self.expr(Kind::Text, depth), self.expr(Kind::Int, depth));
                match self.random.below(8) {
                    0 => format!("left({text}, {number})"),
                    1 => format!("{text}.right({number})"),
                    2 => format!("format_bytes({number})"),
                    3 => format!("format_time({})", self.expr(Kind::Float, depth)),
                    4 => format!("date_time({number})"),
                    5 => format!("quote({text})"),
                    6 => "evt.get(this.f4).dots()".to_owned(),
                    _ => format!("red({text})"),
                }
            }
            Kind::Text if self.random.once_in(2) => {
                let parts: Vec<String> =
                    (0..self.random.below(4)).map(|_| format!("${{{}}}", self.any(depth))).collect();
                format!("`{}`", parts.join(" "))
            }
            Kind::Text => {
                let (left, right) = (self.expr(Kind::Text, depth), self.any(depth));
                if self.random.once_in(4) { format!("({right} + {left})") } else { format!("({left} + {right})") }
            }
            Kind::Bool => self.condition(depth),
            Kind::Any => {
                let kind = self.random.of(&KINDS[..4]);
                match self.random.below(4) {
                    0 => format!("this.m0[{}]", self.key(depth)),
                    1 => format!("this.m1[{}]", self.key(depth)),
                    _ => self.expr(kind, depth),
                }
            }
        }
    }

    fn condition(&mut self, depth: u32) -> String {
        let kind = self.random.of(&KINDS);
        let (left, right) = (self.expr(kind, depth), self.expr(kind, depth));
        match self.random.below(10) {
            0 => format!("(!{})", self.expr(Kind::Bool, depth)),
            1 | 2 => {
                let op = self.random.of(&["&&", "||"]);
                format!("({} {op} {})", self.expr(Kind::Bool, depth), self.expr(Kind::Bool, depth))
            }
            3 => {
                let op = self.random.of(&["in", "!in"]);
                format!("({} {op} {})", self.key(depth), self.place(depth))
            }
            4 => {
                let method = self.random.of(&["contains", "starts_with", "ends_with"]);
                let receiver = self.place(depth);
                format!("{receiver}.{method}({})", self.key(depth))
            }
            5 => format!("{}.is_empty()", self.place(depth)),
            6 => format!("({left} == ())"),
            _ => format!("({left} {} {right})", self.random.of(&["==", "!=", "<", "<=", ">", ">="])),
        }
    }

    /// What methods are called on.
    fn place(&mut self, depth: u32) -> String {
        match self.random.below(8) {
            0..3 => format!("this.{}", self.random.of(&["m0", "m1"])),
            3 => format!("this.{}", self.random.of(&["t0", "t1", "t2", "t3", "l0", "u0", "f0"])),
            4 => format!("evt.get(this.{})", self.random.of(&["f2", "f3", "f4"])),
            _ => self.expr(Kind::Text, depth),
        }
    }

    fn simple(&mut self, kind: Kind) -> String {
        let fitting: Vec<String> =
            self.locals.iter().filter(|(_, known)| *known == kind).map(|(name, _)| name.clone()).collect();
        if !fitting.is_empty() && self.random.once_in(2) {
            return fitting[self.random.below(fitting.len() as u64) as usize].clone();
        }
        let field = |random: &mut Random, all: &[&'static str]| format!("evt.get(this.{})", random.of(all));
        match (kind, self.random.below(3)) {
            (Kind::Int, 0) => {
                self.random.of(&["0", "1", "2", "7", "9223372036854775807", "weight()", "now()"]).to_owned()
            }
            (Kind::Float, 0) => self.random.of(&["0.0", "1.0", "0.1", "1e308", "1e-300", "3"]).to_owned(),
            (Kind::Text, 0) => self.random.of(&["\"\"", "\"a\"", "\"text\"", "\"ö\"", "\"len\""]).to_owned(),
            (Kind::Bool, 0) => {
                self.random.of(&["true", "false", "is_json()", "is_tty()", "show_container()"]).to_owned()
            }
            (Kind::Any, 0) => self.random.of(&["()", "1", "'c'", "[1]", "#{}", "\"a\""]).to_owned(),
            (Kind::Int, 1) => field(self.random, &["f0", "f1"]),
            (Kind::Text, 1) => field(self.random, &["f2", "f3"]),
            (Kind::Any, 1) => field(self.random, &["f0", "f1", "f2", "f3", "f4", "f5", "i0"]),
            _ => self.variable(kind),
        }
    }
}

/// The value of a field of an event.
fn value(random: &mut Random, kind: Kind) -> Dynamic {
    if random.once_in(20) {
        let data = Dynamic::from(Data(b"GET / HTTP/1.1\r\n\r\n".as_slice().into()));
        let long = Dynamic::from("x".repeat(300 << 10));
        let list = Dynamic::from_array(vec!["a".into(), 1_i64.into()]);
        return [data, long, list, Dynamic::UNIT, f64::NAN.into(), true.into()][random.below(6) as usize].clone();
    }
    match kind {
        Kind::Int => random.of(&[0, 1, 2, 100, i64::MAX, i64::MIN]).into(),
        Kind::Float => random.of(&[0.0, -0.0, 1.5, f64::NAN, f64::INFINITY, f64::MIN]).into(),
        Kind::Text if random.once_in(20) => "long text ".repeat(random.below(500) as usize).into(),
        Kind::Text => random.of(&["", "a", "len", "text", "ö", "bash"]).into(),
        Kind::Bool => random.once_in(2).into(),
        Kind::Any => Dynamic::UNIT,
    }
}

/// Runs so many programs. The seed says which.
fn compare(programs: u64, seed: u64) {
    let (mut fast, mut all, mut wrong) = (0, 0, 0);
    for number in 0..programs {
        let mut random = Random((seed + number).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut writer = Writer { random: &mut random, locals: Vec::new() };
        let depth = 1 + writer.random.below(4) as u32;
        let body = writer.block(depth);
        let text = format!("{TOP}fn on_event(evt) {body}");
        // Some are no programs: a constant is set, an operator does not exist.
        let Some(mut pair) = Pair::of(&text) else {
            wrong += 1;
            continue;
        };
        let kinds = [Kind::Int, Kind::Int, Kind::Text, Kind::Text, Kind::Any, Kind::Float];
        for _ in 0..EVENTS {
            pair.shared.borrow_mut().weight = random.below(3) as u32;
            let values = kinds.map(|kind| value(&mut random, kind)).to_vec();
            let _ = pair.run(values);
        }
        fast += pair.fast_events;
        all += pair.events;
    }
    println!("seed {seed}: {programs} programs, {wrong} wrong, {fast} of {all} events did without the interpreter");
    assert!(fast * 4 > all && wrong * 4 < programs, "{fast} of {all}, {wrong} of {programs} are wrong");
}

/// Others and more of them by `TRACER_TEST_SEED` and `TRACER_TEST_CASES`.
#[test]
fn random_functions_are_as_interpreted() {
    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    compare(number("TRACER_TEST_CASES").unwrap_or(PROGRAMS), number("TRACER_TEST_SEED").unwrap_or(1));
}
