//! Sentences for people, in both languages of the product.

use serde::{Deserialize, Serialize};

/// One sentence, said twice. Whoever shows it chooses the language of the reader.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Bilingual {
    pub en: String,
    pub zh: String,
}

impl Bilingual {
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }

    /// The sentence in a language by its tag: Chinese for `zh...`, English otherwise.
    pub fn in_language(&self, tag: &str) -> &str {
        if tag.starts_with("zh") { &self.zh } else { &self.en }
    }
}
