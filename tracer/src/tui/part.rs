//! How one came to a level: a value that a field must have, or another test.

/// A value that a field must have, or another test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub field: String,
    pub value: String,
    /// The test, where it is another one; `value` says it to people.
    pub test: Option<String>,
    /// What people call what the value stands for, where the value is an id.
    pub name: Option<String>,
}

impl Part {
    /// The field has that value.
    #[must_use]
    pub fn is(field: &str, value: &str) -> Self {
        Self { field: field.to_owned(), value: value.to_owned(), test: None, name: None }
    }

    /// The field has not that value.
    #[must_use]
    pub fn is_not(field: &str, value: &str) -> Self {
        let test = format!("not {}", Self::is(field, value).filter());
        Self { field: String::new(), value: format!("not {field} {value}"), test: Some(test), name: None }
    }

    /// Another test, and how it is said to people.
    #[must_use]
    pub fn of_test(test: &str, said: &str) -> Self {
        Self { field: String::new(), value: said.to_owned(), test: Some(test.to_owned()), name: None }
    }

    /// As a test of the filter language.
    #[must_use]
    pub fn filter(&self) -> String {
        if let Some(test) = &self.test {
            return test.clone();
        }
        let quoted: String = self
            .value
            .chars()
            .flat_map(|it| ['\\'].into_iter().filter(move |_| matches!(it, '"' | '\\')).chain([it]))
            .collect();
        format!("{}=\"{quoted}\"", self.field)
    }
}
