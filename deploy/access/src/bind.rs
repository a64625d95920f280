//! Which addresses may be opened: any on loopback; others only behind credentials and TLS.

use std::net::SocketAddr;

/// What stands between an open port and the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exposure {
    /// Whether there is a token, a user, or the secret of a first start: without any, nobody could come in,
    /// or everybody.
    pub any_credential: bool,
    pub tls: bool,
    /// The operator said that plain text is meant (TLS ends elsewhere).
    pub insecure_plaintext: bool,
}

/// Why an address must not be opened, in a sentence that says what to do; none when it may.
pub fn bind_refusal(name: &str, address: SocketAddr, exposure: Exposure) -> Option<String> {
    if address.ip().to_canonical().is_loopback() {
        return None;
    }
    if !exposure.any_credential {
        return Some(format!(
            "listen.{name} = {address} can be reached from the network, and there is no token and no user yet: \
             make one with `stormglass token create --name first --scope admin --scope ingest` or `stormglass user \
             add NAME --role admin`, start once with --setup to make the first user in the browser, or listen on 127.0.0.1"
        ));
    }
    if !exposure.tls && !exposure.insecure_plaintext {
        return Some(format!(
            "listen.{name} = {address} can be reached from the network, and tokens would travel in plain text: set \
             tls.cert and tls.key, or say --insecure-plaintext if TLS ends in front of this server"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_is_reached_only_behind_credentials_and_tls_or_by_express_wish() {
        let exposure = |any_credential, tls, insecure_plaintext| Exposure { any_credential, tls, insecure_plaintext };
        for (address, exposed, says) in [
            ("127.0.0.1:4317", exposure(false, false, false), None),
            ("127.9.9.9:1", exposure(false, false, false), None),
            ("[::1]:4317", exposure(false, false, false), None),
            ("[::ffff:127.0.0.1]:4317", exposure(false, false, false), None),
            ("0.0.0.0:4317", exposure(false, true, true), Some("token create")),
            ("[::]:4317", exposure(false, true, true), Some("token create")),
            ("10.0.0.1:4317", exposure(true, false, false), Some("--insecure-plaintext")),
            ("10.0.0.1:4317", exposure(true, true, false), None),
            ("10.0.0.1:4317", exposure(true, false, true), None),
        ] {
            let refusal = bind_refusal("http", address.parse().unwrap(), exposed);
            match says {
                None => assert_eq!(refusal, None, "{address}"),
                Some(part) => assert!(refusal.unwrap().contains(part), "{address}"),
            }
        }
    }
}
