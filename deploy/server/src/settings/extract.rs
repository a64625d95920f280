//! `[operations] extract`: extraction rules as people write them.
//!
//! ```toml
//! [[operations.extract]]
//! name  = "erp orders"
//! from  = "spans"
//! where = { service = "erp", "http.route" = ["/erp/save", "/erp/import/*"] }
//! map   = { operation = "'save order'", operation_id = "erp.document", actor = "erp.user" }
//! entities = [{ type = "'order'", id = "erp.order.no", before = "erp.old", after = "erp.new" }]
//! ```
//!
//! In `map` and `entities` a text in single quotes stands for itself, anything else names an
//! attribute (or `service`, `name`, `body`).

use super::Input;
use super::input::Table;
use tables::build::{Condition, EntityMap, ExtractRule, Operand, Pattern, RuleMap, RuleSource};

type Read<T> = Result<T, String>;

/// All rules of the setting, or the first mistake with its place.
pub(super) fn rules(input: &Input) -> Read<Vec<ExtractRule>> {
    let Input::List(items) = input else {
        return Err("is not a list of rules: write [[operations.extract]] in the file".into());
    };
    if items.len() > ExtractRule::RULES_MAX {
        return Err(format!("has {} rules: at most {}", items.len(), ExtractRule::RULES_MAX));
    }
    let rules: Vec<ExtractRule> = items.iter().map(rule).collect::<Read<_>>()?;
    let twice = rules.iter().enumerate().find(|(at, rule)| rules[..*at].iter().any(|other| other.name == rule.name));
    match twice {
        Some((_, rule)) => Err(format!("two rules are named {:?}: give each a name of its own", rule.name)),
        None => Ok(rules),
    }
}

fn rule(input: &Input) -> Read<ExtractRule> {
    let table = input.table("a rule: write name, from, where, map")?;
    at(table, read_rule(table))
}

fn at<T>(table: &Table, outcome: Read<T>) -> Read<T> {
    outcome.map_err(|problem| format!("rule at {}: {problem}", table.place))
}

fn read_rule(table: &Table) -> Read<ExtractRule> {
    table.only(&["name", "from", "where", "map", "entities"])?;
    let from = table.need("from")?.choice(&[("spans", RuleSource::Spans), ("logs", RuleSource::Logs)]);
    let rule = ExtractRule {
        name: table.need("name")?.text()?,
        from: from.map_err(|problem| format!("from: {problem}"))?,
        conditions: table.get("where").map(conditions).transpose()?.unwrap_or_default(),
        map: map(table)?,
    };
    rule.check()?;
    Ok(rule)
}

fn conditions(input: &Input) -> Read<Vec<Condition>> {
    let table = input.table("a table of keys and values")?;
    let condition = |(key, value): &(String, Input)| {
        let values = match value {
            Input::List(values) => values.iter().map(Input::text).collect::<Read<Vec<_>>>(),
            value => value.text().map(|text| vec![text]),
        };
        let any_of = values.map_err(|problem| format!("where {key:?}: {problem}"))?;
        Ok(Condition { key: key.clone(), any_of: any_of.iter().map(|text| Pattern::new(text)).collect() })
    };
    table.fields.iter().map(condition).collect()
}

fn map(rule: &Table) -> Read<RuleMap> {
    let map = rule.need("map")?.table("a table: write operation and operation_id")?;
    map.only(&["operation", "operation_id", "phase", "outcome", "actor", "actor_role", "request_id"])?;
    let entities = match rule.get("entities") {
        Some(Input::List(items)) => items.iter().map(entity).collect::<Read<_>>()?,
        Some(_) => return Err("entities is not a list: write [{ type = \"'order'\", id = \"order.no\" }]".into()),
        None => Vec::new(),
    };
    Ok(RuleMap {
        operation: operand(map, "operation")?.ok_or("map has no operation: name it, as in \"'save order'\"")?,
        operation_id: operand(map, "operation_id")?,
        phase: operand(map, "phase")?,
        outcome: operand(map, "outcome")?,
        actor: operand(map, "actor")?,
        actor_role: operand(map, "actor_role")?,
        request_id: operand(map, "request_id")?,
        entities,
    })
}

fn entity(input: &Input) -> Read<EntityMap> {
    let table = input.table("an entity: write type and id")?;
    table.only(&["type", "id", "role", "before", "after"])?;
    let need = |name: &str| operand(table, name)?.ok_or_else(|| format!("an entity has no {name}"));
    Ok(EntityMap {
        ty: need("type")?,
        id: need("id")?,
        role: operand(table, "role")?,
        before: operand(table, "before")?,
        after: operand(table, "after")?,
    })
}

fn operand(table: &Table, name: &str) -> Read<Option<Operand>> {
    let text = table.get(name).map(Input::text).transpose().map_err(|problem| format!("{name}: {problem}"))?;
    match text.as_deref() {
        Some("") => Err(format!("{name} is empty: name an attribute, or a text in single quotes")),
        text => Ok(text.map(Operand::new)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, SettingsError, Sources};

    fn settings(text: &str) -> Result<Settings, Vec<SettingsError>> {
        Sources { file: Some(("s.toml".into(), text.into())), ..Sources::default() }.settings()
    }

    #[test]
    fn rules_are_read_as_people_write_them() {
        let text = r#"
[[operations.extract]]
name = "erp orders"
from = "spans"
where = { service = "erp", "http.route" = ["/erp/save", "/erp/import/*"] }
map = { operation = "'save order'", operation_id = "erp.document" }
entities = [{ type = "'order'", id = "erp.order.no", before = "erp.old", after = "erp.new" }]

[[operations.extract]]
name = "legacy"
from = "logs"
map = { operation = "name", operation_id = "biz_no" }
"#;
        let rules = settings(text).unwrap().operations.extract;
        assert_eq!(rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["erp orders", "legacy"]);
        assert_eq!(rules[0].conditions.len(), 2);
        assert_eq!(rules[0].id_keys().collect::<Vec<_>>(), ["erp.order.no", "erp.document"]);
    }

    #[test]
    fn a_mistake_in_a_rule_is_told_with_its_line_and_what_would_be_right() {
        let good = "[[operations.extract]]\nname = \"a\"\nfrom = \"logs\"\nmap = { operation = \"x\", operation_id = \"y\" }\n";
        for (text, part) in [
            (
                good.replace("logs", "metrics"),
                "rule at s.toml:1:1: from: \"metrics\" is not one of \"spans\", \"logs\"",
            ),
            (good.replace("operation = \"x\", ", ""), "map has no operation"),
            (good.replace("\"y\"", "\"'y'\""), "reads no id from an attribute"),
            (good.replace("name = \"a\"\n", ""), "name is missing"),
            (good.replace("from", "form"), "\"form\" is not known here: it takes name, from, where, map, entities"),
            (format!("{good}{good}"), "two rules are named \"a\""),
            ("[operations]\nextract = \"x\"\n".into(), "write [[operations.extract]]"),
        ] {
            let errors = settings(&text).unwrap_err();
            assert!(errors[0].problem.contains(part), "{}", errors[0]);
            assert!(errors[0].place.starts_with("s.toml:"), "{}", errors[0]);
        }
    }
}
