//! The six words that two administrators compare, and what to type then: wherever they are shown.

use crate::page::Page;

/// Words that wait to be compared.
pub struct Words<'a> {
    /// With whose administrator. May be empty.
    pub partner: &'a str,
    /// The words. None: nothing waits.
    pub words: &'a [String],
    /// What to type when they are the same.
    pub same: &'a str,
    /// What to type when they differ.
    pub differ: &'a str,
}

impl Words<'_> {
    /// Nothing, where nothing waits.
    pub fn page(&self) -> Page {
        if self.words.is_empty() {
            return Page::new();
        }
        let partner = match self.partner {
            "" => "the partner",
            partner => partner,
        };
        Page::new()
            .blank()
            .heading(format!("Six words:  {}", self.words.join(" ")))
            .blank()
            .sentence(format!(
                "Telephone the administrator of {partner}, at a number that you knew before. Let them read out their six words."
            ))
            .sentence("If they are the same as these, and only then, the organisation is who it says it is; then type:")
            .sentence(format!("  {}", self.same))
            .sentence("If they differ, somebody stands between you; end it then, and nothing has flowed:")
            .sentence(format!("  {}", self.differ))
    }
}
