//! What kinds of business keys there are: some name one thing that an operation is about, others
//! name whose it is.

/// The keys of an installation, by what they say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vocabulary {
    /// Name the subject of operations (an order, a payment): a story follows them.
    pub subjects: Vec<String>,
    /// Name where something belongs; things that differ in one of these are different things.
    pub places: Vec<String>,
    /// Name people; another person may act on the same thing, but seldom does.
    pub people: Vec<String>,
}

const PLACES: [&str; 3] = ["tenant.id", "store.id", "site.id"];
const PEOPLE: [&str; 2] = ["user.id", "member.id"];
/// Name things that very many operations share: neither followed nor compared.
const SHARED: [&str; 2] = ["sku.id", "coupon.id"];

impl Vocabulary {
    /// Sorts the operator's business keys. A key that is not known to be a place, a person or widely
    /// shared is taken for a subject.
    pub fn of(business_keys: &[String]) -> Self {
        let known = |list: &[&str]| list.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        let (places, people) = (known(&PLACES), known(&PEOPLE));
        let subject = |key: &&String| !places.contains(key) && !people.contains(key) && !SHARED.contains(&key.as_str());
        let subjects = business_keys.iter().filter(subject).cloned().collect();
        Self { subjects, places, people }
    }

    pub fn is_subject(&self, key: &str) -> bool {
        self.subjects.iter().any(|subject| subject == key)
    }

    /// Whether the linker looks at this key at all.
    pub fn knows(&self, key: &str) -> bool {
        self.is_subject(key) || self.places.iter().chain(&self.people).any(|known| known == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_be_shared_is_a_subject() {
        let keys = ["order.id", "user.id", "store.id", "sku.id", "waybill.no"].map(String::from);
        let vocabulary = Vocabulary::of(&keys);
        assert_eq!(vocabulary.subjects, ["order.id", "waybill.no"]);
        assert!(vocabulary.knows("tenant.id") && !vocabulary.knows("sku.id"));
    }
}
