//! What holds for every filter, tried on random ones.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    Filter,
    ast::{Argument, Call, Check, Expr, Literal, Operand, Place, Quantifier, Right},
    operator::{self, Takes},
    parse,
    transform::{self, Transformer},
};
use crate::{
    fields::{EventType, Show},
    testing::World,
};

fn config() -> ProptestConfig {
    ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() }
}

fn field() -> impl Strategy<Value = Operand> {
    let name = "[a-z]{1,4}(\\.[a-z_]{1,5}){1,2}(\\[[a-z0-9/. ]{1,4}\\]|\\[\"[a-z\\]]{1,3}\"\\])?";
    name.prop_map(|name| Operand::Field { name, at: Place::default() })
}

fn literal() -> impl Strategy<Value = Literal> {
    let words = select(vec!["and", "or", "not", "val", "anyof", "tolower", "in", "", "(", "\\"]);
    let text = prop_oneof![
        vec(any::<u8>(), 0..6),
        "\\PC{0,6}".prop_map(String::into_bytes),
        "[a-z0-9/.]{1,8}".prop_map(String::into_bytes),
        words.prop_map(|word| word.as_bytes().to_vec()),
    ];
    text.prop_map(|text| Literal { text, at: Place::default() })
}

fn call() -> impl Strategy<Value = Call> {
    let transformer = || select(transform::ROWS.iter().map(|row| row.transformer).collect::<Vec<_>>());
    let part = || proptest::option::weighted(0.2, "[a-z]");
    let make = |(transformer, args, part): (Transformer, _, Option<String>)| {
        let part = part.filter(|_| transformer == Transformer::Getopt);
        Call { transformer, args, part, at: Place::default() }
    };
    let leaf = prop_oneof![field().prop_map(Argument::Operand), literal().prop_map(Argument::Text)];
    let argument = leaf.prop_recursive(2, 8, 3, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(|all| Argument::List(all, Place::default())),
            (transformer(), vec(inner, 0..3), part())
                .prop_map(make)
                .prop_map(|call| Argument::Operand(Operand::Call(call))),
        ]
    });
    (transformer(), vec(argument, 0..3), part()).prop_map(make)
}

fn check() -> impl Strategy<Value = Expr> {
    let left = prop_oneof![3 => field(), 1 => call().prop_map(Operand::Call)];
    let quantifier = select(Quantifier::ALL.map(|(_, quantifier)| quantifier).to_vec());
    let rows = select(operator::ROWS.iter().collect::<Vec<_>>());
    let rights = (literal(), vec(literal(), 0..4), quantifier, call(), 0..4_u8);
    (left, rows, rights).prop_map(|(left, row, (value, list, quantifier, call, which))| {
        let right = match (row.takes, which) {
            (Takes::Nothing, _) => Right::Nothing,
            (_, 0) => Right::Call(call),
            (Takes::Value, 1) => Right::List(Some(quantifier), list),
            (Takes::Value, _) => Right::Value(value),
            (Takes::List, _) => Right::List(None, list),
        };
        Expr::Check(Box::new(Check { left, operator: row.operator, operator_at: Place::default(), right }))
    })
}

fn tree(leaf: impl Strategy<Value = Expr> + 'static) -> impl Strategy<Value = Expr> {
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Expr::And),
            vec(inner.clone(), 2..4).prop_map(Expr::Or),
            // Pairs of `not` cancel when they are read.
            inner.prop_map(|part| match part {
                Expr::Not(_) => part,
                part => Expr::Not(Box::new(part)),
            }),
        ]
    })
}

/// Tests that compile, of all kinds.
const CHECKS: &[&str] = &[
    "evt.type=openat",
    "evt.type in (open, openat, read)",
    "evt.type!=write",
    "evt.type in (sysinfo, read)",
    "evt.type startswith sys",
    "evt.type.is.sysinfo=1",
    "evt.type startswith open",
    "evt.type regex '(open|write).*'",
    "not syscall.type exists",
    "syscall.type = anyof (read, close)",
    "evt.type.is.read=1",
    "evt.dir=<",
    "evt.is_io=true",
    "evt.is_io in (false)",
    "evt.io_dir != read",
    "evt.category in (file, net)",
    "evt.failed=false",
    "evt.res=SUCCESS",
    "evt.rawres >= 0",
    "evt.buflen > 1KB",
    "evt.rawarg.flags exists",
    "evt.rawarg.size < 200",
    "evt.arg.fd contains passwd",
    "proc.name in (bash, nginx)",
    "proc.name = val(proc.exe)",
    "proc.aname = init",
    "tolower(proc.name) != bash",
    "len(fd.name) > 3",
    "tolower(syscall.type) = read",
    "proc.pid > val(proc.ppid)",
    "getopt(proc.args, \"x\")[x] exists",
    "evt.type = val(evt.io_dir)",
    "fd.name pmatch (/etc)",
    "fd.name = oneof (/etc/passwd, x)",
    "fd.type in (ipv4, ipv6)",
    "fd.type != file",
    "fd.ip = 10.0.0.1",
    "fd.port != https",
    "fd.sport < 100",
    "container.id=host",
    "container.name=web",
    "container.name != val(container.id)",
    "user.name exists",
    "evt.latency > 1ms",
    "evt.count in ()",
];

fn real_check() -> impl Strategy<Value = Expr> {
    select(CHECKS).prop_map(|text| parse(text).unwrap())
}

fn records(world: &World) -> Vec<Vec<u8>> {
    vec![
        world.openat(10, 3, b"/etc/passwd"),
        world.openat(30, -2, b"/nowhere"),
        world.openat(77, 3, b"/x"),
        world.read(10, 3, 100, b"root:x"),
        world.read(20, 5, -11, b""),
        world.write_socket(30, 5, 2000),
        world.unknown_thread(),
        world.procinfo(10),
        world.execve(20, 0),
        world.execve(20, -13),
        world.generic(10, "sysinfo"),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_printed_parses_to_the_same_tree(expr in tree(check())) {
        let text = expr.to_string();
        let parsed = parse(&text);
        prop_assert_eq!(parsed.as_ref(), Ok(&expr), "{}", text);
        prop_assert_eq!(parsed.map(|parsed| parsed.to_string()), Ok(text));
    }

    #[test]
    fn an_event_passes_a_filter_or_its_negation(expr in tree(real_check())) {
        let world = World::new();
        let filter = |text: String| Filter::compile(&text, Show::default()).unwrap();
        let (positive, negative) = (filter(expr.to_string()), filter(format!("not({expr})")));
        for record in records(&world) {
            world.with(&record, |c| assert_ne!(positive.matches(c), negative.matches(c), "{expr}"));
        }
    }

    #[test]
    fn a_value_is_equal_or_different(
        field in select(vec!["proc.name", "fd.name", "evt.rawres", "fd.num", "fd.ip", "fd.port", "evt.failed", "evt.reltime"]),
        value in select(vec!["bash", "/etc/passwd", "3", "10.0.0.1", "80", "true", "0"]),
    ) {
        let world = World::new();
        let compiled = |text: &str| Filter::compile(&format!("{field} {text}"), Show::default());
        if let (Ok(equal), Ok(other)) = (compiled(&format!("= {value}")), compiled(&format!("!= {value}"))) {
            let exists = compiled("exists").unwrap();
            for record in records(&world) {
                world.with(&record, |c| {
                    assert_eq!(equal.matches(c) ^ other.matches(c), exists.matches(c), "{field} {value}");
                    assert!(!(equal.matches(c) && other.matches(c)), "{field} {value}");
                });
            }
        }
    }

    #[test]
    fn what_is_decided_beforehand_is_what_comes(expr in tree(real_check())) {
        let world = World::new();
        let filter = Filter::compile(&expr.to_string(), Show::default()).unwrap();
        for record in records(&world) {
            world.with(&record, |c| {
                let matches = filter.node.decide(&|check| Some(check.holds(c))).unwrap();
                assert_eq!(filter.matches(c), matches, "{expr}: by code");
                let event = EventType::of_event(c.event);
                assert!(filter.may_match(&event) || !matches, "{expr}: by type");
                assert!(filter.may_match_row(c.event.row) || !matches, "{expr}: by row");
                let early = filter.decide_without_container(c);
                assert!(early.is_none_or(|early| early == matches), "{expr}: without container");
            });
        }
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,40}") {
        let _ = Filter::compile(&text, Show::default()).map_err(|error| error.to_string());
    }

    #[test]
    fn no_words_are_too_strange(words in vec(select(vec![
        "proc.name", "fd.ip", "evt.arg.data", "evt.num", "=", "!=", ">", "in", "pmatch", "regex", "glob", "bcontains", "exists",
        "anyof", "and", "or", "not", "(", ")", ",", "'", "\"", "\\", "\\x", "[", "]", "*", "[[:", "a", "0x", "-", "1e9", "/", "::/0",
        "10.0.0.0/8", "tolower(", "val(proc.pid)", "join(", "é", "\u{0}", " ", "\t",
    ]), 0..12), blanks in any::<bool>()) {
        let text = words.join(if blanks { " " } else { "" });
        let _ = Filter::compile(&text, Show::default()).map_err(|error| error.to_string());
    }
}
