//! Making a message fit: less detail, then fewer words, never half a character and never two messages.

/// How much is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Detail {
    pub(crate) evidence: usize,
    pub(crate) operations: usize,
    pub(crate) tenants: usize,
    pub(crate) advice: usize,
    pub(crate) candidates: usize,
    pub(crate) missing: usize,
    pub(crate) links: usize,
    /// Bytes of one text before escaping; in digests, of one line.
    pub(crate) text_bytes: usize,
}

const fn detail(lines: usize, less: usize, text_bytes: usize) -> Detail {
    Detail {
        evidence: lines,
        operations: lines,
        tenants: lines,
        advice: less,
        candidates: less,
        missing: less,
        links: less,
        text_bytes,
    }
}

/// From all that is worth telling to the bare conclusion.
pub(crate) const DETAILS: [Detail; 8] = [
    detail(4, 3, 600),
    detail(3, 3, 400),
    detail(3, 2, 240),
    detail(2, 1, 160),
    detail(1, 1, 120),
    detail(1, 0, 80),
    detail(0, 0, 50),
    detail(0, 0, 16),
];
