//! `tracer logs`: what is said of options that are wrong, without the secrets in them.

use super::wrong_use;

#[test]
fn a_wrong_target_is_said_without_its_secrets() {
    let wrong = |url: &str, message: &str, hint: &str| {
        let output = tracer_tests::command::output(["logs", "--to", url]);
        assert!(!output.errors.contains("s3cret"), "{}", output.errors);
        wrong_use(["logs", "--to", url], message, hint);
    };
    wrong("htp://u:s3cret@h", "'htp://…' is not a target", "targets are otlp+http://HOST, ");
    wrong("loki+http://u:s3cret@:1", "'loki+http://u:***@:1' names no host", "such as ");
    wrong(
        "gelf+tcp://h?token=s3cret",
        "target option 'token' is not supported by 'gelf+tcp://h?token=***'",
        "options are ",
    );
    wrong(
        "lines+tcp://h?token=s3cret%20x",
        "target option 'token=***' is not supported",
        "write a token without blanks",
    );
    wrong("gelf+udp://h?chunk=100", "target option 'chunk=100' is not supported", "write chunk=N, from 512 to 65000");
    wrong("clickhouse+http://h?table=a;b", "target option 'table=a;b' is not supported", "write table=TABLE or ");
    wrong(
        "loki+http://h?labels=pid",
        "target option 'labels=pid' is not supported",
        "write labels=NAME,NAME of host, ",
    );
    wrong("elastic+http://h?index=A", "target option 'index=A' is not supported", "write index=NAME, in lower case");
    wrong("fluent+tcp://h/x", "'fluent+tcp://h/x' has a path", "such as ");
    wrong("stdout proc.name=x", "stdout: filter: unknown field 'proc.name'", "fields are log, stream, ");
}

#[test]
fn a_wrong_rule_for_lines_is_said() {
    wrong_use(["logs", "--join", "("], "invalid value '(' for '--join <RULE>': invalid regular expression", "");
    wrong_use(["logs", "--redact", "x*"], "invalid value 'x*' for '--redact <REGEX>': ", "");
    wrong_use(
        ["logs", "--drop-field", "log"],
        "invalid value 'log' for '--drop-field <FIELD>': expected container.image",
        "",
    );
    wrong_use(["logs", "--", "log", "containz", "x"], "filter: ", "");
}
