//! Which encoding of a file an `accept-encoding` header asks for.
//!
//! It refuses to fail: what it does not understand is not asked for. Invariant: an encoding with weight zero, or
//! one that the file has not, is never chosen.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
    Plain,
}

/// The smallest encoding that is both there and accepted; weights other than zero are not compared, since
/// every client that names brotli is served best by it.
pub(crate) fn choose(accept: &str, brotli: bool, gzip: bool) -> Encoding {
    if brotli && accepts(accept, "br") {
        Encoding::Brotli
    } else if gzip && accepts(accept, "gzip") {
        Encoding::Gzip
    } else {
        Encoding::Plain
    }
}

/// A name stands for itself before `*` stands for it.
fn accepts(header: &str, encoding: &str) -> bool {
    let named = |wanted: &str| {
        header.split(',').find_map(|item| {
            let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
            name.trim().eq_ignore_ascii_case(wanted).then(|| !is_zero(parameters))
        })
    };
    named(encoding).or_else(|| named("*")).unwrap_or(false)
}

fn is_zero(parameters: &str) -> bool {
    parameters
        .trim()
        .strip_prefix("q=")
        .is_some_and(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight == 0.0))
}
