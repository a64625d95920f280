//! Which addresses may be connected to: a configuration must not turn the server into a way inside.
//!
//! Public addresses are reached by HTTPS on 443 and 8443. Private ones, this machine, plain HTTP and other
//! ports only where the operator has listed the range or the host. Link-local addresses, and with them the
//! metadata services of clouds, never. Invariant: the address that was checked is the one connected to.

use crate::config::Network;
use crate::policy::Faults;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Most entries of the list.
const ALLOW_MAX: usize = 200;
/// Ports of unlisted hosts.
const PORTS: [u16; 2] = [443, 8443];
/// Most bytes of an address that is connected to.
const URL_MAX: usize = 4096;

/// Why an address is not connected to. Never tells the address itself where it may hold a token.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("an address such as https://host/path is wanted")]
    NotAnAddress,
    #[error("only http and https are spoken")]
    Scheme,
    #[error("user and password do not belong into the address")]
    Credentials,
    #[error("{0} is never connected to")]
    Never(IpAddr),
    #[error("{0} is not a public address: list its range or host under network.allow")]
    Private(IpAddr),
    #[error("https on port 443 or 8443 is wanted, unless the host is listed under network.allow")]
    PlainOrPort,
    #[error("the host `{0}` has no address")]
    Unknown(String),
}

/// A range of addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Range {
    base: IpAddr,
    bits: u8,
}

impl Range {
    fn read(text: &str) -> Option<Self> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base.parse::<IpAddr>().ok()?, Some(bits.parse::<u8>().ok()?)),
            None => (text.trim_matches(['[', ']']).parse::<IpAddr>().ok()?, None),
        };
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { base, bits })
    }

    fn has(self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.bits);
                base.to_bits().checked_shr(shift).unwrap_or(0) == address.to_bits().checked_shr(shift).unwrap_or(0)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.bits);
                base.to_bits().checked_shr(shift).unwrap_or(0) == address.to_bits().checked_shr(shift).unwrap_or(0)
            }
            _ => false,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    Public,
    Private,
    Never,
}

fn in_v4(address: Ipv4Addr, base: [u8; 4], bits: u8) -> bool {
    Range { base: IpAddr::V4(Ipv4Addr::from(base)), bits }.has(IpAddr::V4(address))
}

fn class_v4(address: Ipv4Addr) -> Class {
    // Metadata services that are not link-local: Alibaba Cloud's and Azure's.
    let metadata = [[100, 100, 100, 200], [168, 63, 129, 16]];
    if address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || metadata.contains(&address.octets())
        || in_v4(address, [0, 0, 0, 0], 8)
        || in_v4(address, [192, 0, 0, 0], 24)
    {
        return Class::Never;
    }
    let private = [([100, 64, 0, 0], 10), ([198, 18, 0, 0], 15), ([240, 0, 0, 0], 4)];
    if address.is_loopback()
        || address.is_private()
        || address.is_documentation()
        || private.iter().any(|(base, bits)| in_v4(address, *base, *bits))
    {
        return Class::Private;
    }
    Class::Public
}

fn class_v6(address: Ipv6Addr) -> Class {
    let segments = address.segments();
    if let Some(inner) = embedded(address) {
        return class_v4(inner);
    }
    let aws_metadata = segments == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254];
    let is_link_local = segments[0] & 0xffc0 == 0xfe80 || segments[0] & 0xffc0 == 0xfec0;
    // Teredo hides an address of its own.
    let is_teredo = segments[0] == 0x2001 && segments[1] == 0;
    if address.is_unspecified() || address.is_multicast() || is_link_local || aws_metadata || is_teredo {
        Class::Never
    } else if address.is_loopback() || segments[0] & 0xfe00 == 0xfc00 || segments[..2] == [0x2001, 0xdb8] {
        Class::Private
    } else {
        Class::Public
    }
}

/// The IPv4 address within a mapped, translated (NAT64) or tunnelled (6to4) one.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let of = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0x64, 0xff9b, 1, .., high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        // The long obsolete "compatible" form; ::1 and :: are not of it.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(of(high, low)),
        _ => None,
    }
}

fn class(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(address) => class_v4(address),
        IpAddr::V6(address) => class_v6(address),
    }
}

/// The checked list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Guard {
    ranges: Vec<Range>,
    hosts: BTreeSet<String>,
}

impl Guard {
    pub(crate) fn check(network: &Network, faults: &mut Faults) -> Self {
        faults.at_most("network.allow", network.allow.len(), ALLOW_MAX);
        let mut guard = Self::default();
        for (index, entry) in network.allow.iter().enumerate() {
            let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            match Range::read(entry) {
                Some(range) => guard.ranges.push(range),
                None if !entry.is_empty() && entry.chars().all(is_name) => {
                    guard.hosts.insert(entry.to_ascii_lowercase());
                }
                None => faults.add(
                    format!("network.allow[{index}]"),
                    format!("`{entry}`: write a range such as 10.0.0.0/8 or a host name"),
                ),
            }
        }
        guard
    }

    /// What can be said of an address without asking for the host's.
    pub(crate) fn check_url(&self, text: &str) -> Result<Url, Refused> {
        let url = Url::parse(text).ok().filter(|_| text.len() <= URL_MAX).ok_or(Refused::NotAnAddress)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        let host = url.host_str().ok_or(Refused::NotAnAddress)?;
        if let Some(address) = literal(host) {
            self.admit(&url, host, address)?;
        }
        Ok(url)
    }

    /// Asks for the host's addresses and checks them all.
    pub(crate) async fn resolve(&self, url: &Url) -> Result<(), Refused> {
        let host = url.host_str().ok_or(Refused::NotAnAddress)?;
        let addresses = match literal(host) {
            Some(address) => vec![address],
            None => look_up(host).await?,
        };
        addresses.into_iter().try_for_each(|address| self.admit(url, host, address))
    }

    /// Whether a host may be spoken to at an address, whatever the protocol.
    pub(crate) fn admit_address(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        match class(address) {
            Class::Never => Err(Refused::Never(address)),
            Class::Private if !self.lists(host, address) => Err(Refused::Private(address)),
            _ => Ok(()),
        }
    }

    fn admit(&self, url: &Url, host: &str, address: IpAddr) -> Result<(), Refused> {
        self.admit_address(host, address)?;
        let port = url.port_or_known_default().unwrap_or(0);
        let open = url.scheme() == "https" && PORTS.contains(&port);
        if open || self.lists(host, address) { Ok(()) } else { Err(Refused::PlainOrPort) }
    }

    fn lists(&self, host: &str, address: IpAddr) -> bool {
        let canonical = address.to_canonical();
        self.hosts.contains(&host.to_ascii_lowercase()) || self.ranges.iter().any(|range| range.has(canonical))
    }
}

fn literal(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

/// The addresses of a host.
pub(crate) async fn look_up(host: &str) -> Result<Vec<IpAddr>, Refused> {
    let found = tokio::net::lookup_host((host.trim_matches(['[', ']']), 0)).await;
    let addresses: Vec<IpAddr> = found.into_iter().flatten().map(|address| address.ip()).collect();
    if addresses.is_empty() { Err(Refused::Unknown(host.to_owned())) } else { Ok(addresses) }
}

/// The client's resolver: what it gives has been checked, so a name that changes its mind gains nothing.
#[derive(Clone, Debug)]
pub(crate) struct GuardedResolver(pub(crate) Arc<Guard>);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Arc::clone(&self.0);
        Box::pin(async move {
            let addresses = look_up(name.as_str()).await?;
            for address in &addresses {
                guard.admit_address(name.as_str(), *address)?;
            }
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;

    fn guard(allow: &[&str]) -> Guard {
        let network = Network { allow: allow.iter().map(|entry| (*entry).to_owned()).collect() };
        Guard::check(&network, &mut Faults::default())
    }

    #[test]
    fn what_is_inside_is_reached_only_where_it_is_listed() {
        let closed = guard(&[]);
        let open = guard(&["10.0.0.0/8", "127.0.0.1", "::1", "fd00::/8", "0.0.0.0/0", "::/0"]);
        for (url, default, listed) in [
            ("https://1.1.1.1/x", true, true),
            ("http://1.1.1.1/x", false, true),
            ("https://1.1.1.1:9093/x", false, true),
            ("https://10.1.2.3/x", false, true),
            ("http://127.0.0.1:8080/x", false, true),
            ("http://127.1/x", false, true),
            ("http://2130706433/x", false, true),
            ("http://[::1]/x", false, true),
            ("https://[::ffff:10.0.0.1]/", false, true),
            ("https://[fd12::1]/", false, true),
            ("https://169.254.169.254/latest/meta-data", false, false),
            ("https://[::ffff:169.254.169.254]/", false, false),
            ("https://[64:ff9b::a9fe:a9fe]/", false, false),
            ("https://[2002:a9fe:a9fe::]/", false, false),
            ("https://[fe80::1]/", false, false),
            ("https://[fd00:ec2::254]/", false, false),
            ("https://100.100.100.200/", false, false),
            ("https://0.0.0.0/", false, false),
            ("https://224.0.0.1/", false, false),
            ("ftp://1.1.1.1/", false, false),
            ("https://user:pass@1.1.1.1/", false, false),
            ("not an address", false, false),
        ] {
            assert_eq!(closed.check_url(url).is_ok(), default, "{url} by default");
            assert_eq!(open.check_url(url).is_ok(), listed, "{url} with everything listed");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_unless_listed() {
        let url = Url::parse("https://localhost/").unwrap();
        assert!(matches!(guard(&[]).resolve(&url).await, Err(Refused::Private(_))));
        assert_eq!(guard(&["localhost"]).resolve(&url).await, Ok(()));
        let resolver = GuardedResolver(Arc::new(guard(&[])));
        assert!(resolver.resolve("localhost".parse().unwrap()).await.is_err());
    }

    #[test]
    fn a_range_has_what_it_says() {
        for (range, address, has) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("192.168.1.7", "192.168.1.7", true),
            ("192.168.1.7", "192.168.1.8", false),
            ("fd00::/8", "fd12::1", true),
            ("::/0", "10.0.0.1", false),
        ] {
            assert_eq!(Range::read(range).unwrap().has(address.parse().unwrap()), has, "{range} {address}");
        }
        assert_eq!(Range::read("10.0.0.0/33"), None);
    }
}
