//! Names of services, for people who write or read them instead of ports. The system's own list is not asked, since it
//! differs from machine to machine and its library cannot be linked into a static program.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

/// Name and port, of the IANA registry of service names; sorted by name.
static SERVICES: &[(&str, u16)] = &[
    ("afs3-fileserver", 7000),
    ("amqp", 5672),
    ("amqps", 5671),
    ("bgp", 179),
    ("bootpc", 68),
    ("bootps", 67),
    ("chargen", 19),
    ("daytime", 13),
    ("dhcpv6-client", 546),
    ("dhcpv6-server", 547),
    ("discard", 9),
    ("docker", 2375),
    ("docker-s", 2376),
    ("domain", 53),
    ("domain-s", 853),
    ("echo", 7),
    ("epmd", 4369),
    ("etcd-client", 2379),
    ("etcd-server", 2380),
    ("finger", 79),
    ("ftp", 21),
    ("ftp-data", 20),
    ("ftps", 990),
    ("git", 9418),
    ("gopher", 70),
    ("http", 80),
    ("http-alt", 8080),
    ("https", 443),
    ("https-alt", 8443),
    ("imap", 143),
    ("imaps", 993),
    ("ipp", 631),
    ("irc", 194),
    ("ircs-u", 6697),
    ("isakmp", 500),
    ("iscsi-target", 3260),
    ("kerberos", 88),
    ("kpasswd", 464),
    ("ldap", 389),
    ("ldaps", 636),
    ("mdns", 5353),
    ("memcache", 11211),
    ("microsoft-ds", 445),
    ("mongodb", 27017),
    ("mqtt", 1883),
    ("ms-sql-s", 1433),
    ("ms-wbt-server", 3389),
    ("mysql", 3306),
    ("netbios-dgm", 138),
    ("netbios-ns", 137),
    ("netbios-ssn", 139),
    ("nfs", 2049),
    ("nntp", 119),
    ("ntp", 123),
    ("openvpn", 1194),
    ("pop3", 110),
    ("pop3s", 995),
    ("postgresql", 5432),
    ("radius", 1812),
    ("radius-acct", 1813),
    ("redis", 6379),
    ("rsync", 873),
    ("rtsp", 554),
    ("secure-mqtt", 8883),
    ("sieve", 4190),
    ("sip", 5060),
    ("sip-tls", 5061),
    ("smtp", 25),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("snmptrap", 162),
    ("socks", 1080),
    ("ssh", 22),
    ("stun", 3478),
    ("submission", 587),
    ("submissions", 465),
    ("sunrpc", 111),
    ("svn", 3690),
    ("syslog", 514),
    ("syslog-tls", 6514),
    ("telnet", 23),
    ("telnets", 992),
    ("tftp", 69),
    ("time", 37),
    ("vnc", 5900),
    ("whois", 43),
    ("www", 80),
    ("x11", 6000),
    ("xmpp-client", 5222),
    ("xmpp-server", 5269),
    ("zabbix-agent", 10050),
    ("zabbix-trapper", 10051),
];

/// The port of a service.
#[must_use]
pub fn port(name: &str) -> Option<u16> {
    SERVICES.binary_search_by_key(&name, |(name, _)| name).ok().map(|at| SERVICES[at].1)
}

/// The service of a port: the first of several names.
#[must_use]
pub fn name(port: u16) -> Option<&'static str> {
    BY_PORT.get(&port).copied()
}

static BY_PORT: LazyLock<FxHashMap<u16, &'static str>> =
    LazyLock::new(|| SERVICES.iter().rev().map(|(name, port)| (*port, *name)).collect());

/// The names.
pub fn names() -> impl Iterator<Item = &'static str> {
    SERVICES.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_found_by_its_name() {
        for (name, number) in SERVICES {
            assert_eq!(port(name), Some(*number), "{name}: the list is sorted");
        }
        assert_eq!(port("nothing"), None);
        assert_eq!((name(80), name(22), name(1)), (Some("http"), Some("ssh"), None));
    }
}
