//! Texts that repeat, once each: a million spans have a few hundred services and operations.

use std::collections::HashMap;
use std::sync::Arc;

/// A text of a [`Names`]: equal names are equal texts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Name(u32);

impl Name {
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

/// The texts of one trace, or of the traces that are compared. It grows with the distinct texts that
/// it is given, so whoever gives them bounds it.
#[derive(Clone, Debug, Default)]
pub struct Names {
    texts: Vec<Arc<str>>,
    index: HashMap<Arc<str>, Name>,
}

impl Names {
    pub fn new() -> Self {
        Self::default()
    }

    /// The name of a text, new or known.
    pub fn name(&mut self, text: &str) -> Name {
        if let Some(name) = self.index.get(text) {
            return *name;
        }
        let name = Name(self.texts.len() as u32);
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.index.insert(text, name);
        name
    }

    /// The text of a name of this very set; empty for a foreign one.
    pub fn text(&self, name: Name) -> &str {
        self.texts.get(name.0 as usize).map_or("", |text| text)
    }

    /// The name of a text that is known.
    pub fn find(&self, text: &str) -> Option<Name> {
        self.index.get(text).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_name() {
        let mut names = Names::new();
        let (cart, pay) = (names.name("cart"), names.name("pay"));
        assert_eq!((names.name("cart"), names.find("pay"), names.find("none")), (cart, Some(pay), None));
        assert_eq!((names.text(cart), names.text(pay), names.text(Name(9))), ("cart", "pay", ""));
    }
}
