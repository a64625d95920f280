//! Texts that repeat, kept once. After [`Names::sort`] the order of ids is the order of the texts, so
//! that nothing depends on which row came first.

use hashbrown::HashMap;

/// A text by number; 0 is the empty text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Name(pub(crate) u32);

impl Name {
    pub(crate) const NONE: Name = Name(0);

    pub(crate) fn is_none(self) -> bool {
        self == Name::NONE
    }

    /// Itself, or the other where it is empty.
    pub(crate) fn or(self, other: Name) -> Name {
        if self.is_none() { other } else { self }
    }
}

/// How long a text may be; the rest is cut. Telemetry is hostile input.
const TEXT_BYTES_MAX: usize = 300;

#[derive(Clone, Debug)]
pub(crate) struct Names {
    texts: Vec<Box<str>>,
    ids: HashMap<Box<str>, u32>,
}

impl Default for Names {
    fn default() -> Self {
        Self { texts: vec!["".into()], ids: HashMap::from([("".into(), 0)]) }
    }
}

impl Names {
    pub(crate) fn id(&mut self, text: &str) -> Name {
        if text.is_empty() {
            return Name::NONE;
        }
        let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
        if let Some(id) = self.ids.get(text) {
            return Name(*id);
        }
        let id = self.texts.len() as u32;
        self.texts.push(text.into());
        self.ids.insert(text.into(), id);
        Name(id)
    }

    pub(crate) fn find(&self, text: &str) -> Option<Name> {
        self.ids.get(text).map(|id| Name(*id))
    }

    pub(crate) fn text(&self, name: Name) -> &str {
        self.texts.get(name.0 as usize).map_or("", |text| text)
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// Renumbers in the order of the texts and tells the new number of each old one.
    pub(crate) fn sort(&mut self) -> Vec<Name> {
        let mut order: Vec<u32> = (0..self.texts.len() as u32).collect();
        order.sort_unstable_by(|a, b| self.texts[*a as usize].cmp(&self.texts[*b as usize]));
        let mut renamed = vec![Name::NONE; order.len()];
        for (new, old) in order.iter().enumerate() {
            renamed[*old as usize] = Name(new as u32);
        }
        self.texts = order.iter().map(|old| std::mem::take(&mut self.texts[*old as usize])).collect();
        self.ids = self.texts.iter().enumerate().map(|(id, text)| (text.clone(), id as u32)).collect();
        renamed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_sorting_the_order_of_arrival_is_forgotten() {
        let (mut one, mut other) = (Names::default(), Names::default());
        for text in ["b", "a", "c"] {
            one.id(text);
        }
        for text in ["c", "b", "a"] {
            other.id(text);
        }
        one.sort();
        other.sort();
        assert_eq!(one.find("b"), other.find("b"));
        assert_eq!(one.text(Name(1)), "a");
        assert_eq!(one.text(Name::NONE), "");
    }
}
