//! `partner allow`, `partner deny` and `partner mode`: whom the organisation would have as a partner.

use clap::ValueEnum;
use foedus_proto::api::v1;

use crate::connection::Session;
use crate::failure::Failure;
use crate::json;
use crate::page::Page;
use crate::printer::Printer;

/// Whom to have.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Mode {
    /// No one new
    Nobody,
    /// Those on the allow-list
    Listed,
    /// Whoever is invited
    AnyoneAfterApproval,
}

impl From<Mode> for v1::PartnerMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Nobody => Self::Nobody,
            Mode::Listed => Self::Listed,
            Mode::AnyoneAfterApproval => Self::AnyoneAfterApproval,
        }
    }
}

pub async fn allow(
    pattern: String,
    remove: bool,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let request = v1::AllowPartnerRequest { pattern, remove };
    let response = session
        .call(session.partners().allow_partner(request))
        .await?;
    printer.answer(&json::of(&response), &page(&response.rules))
}

pub async fn deny(
    pattern: String,
    remove: bool,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let request = v1::DenyPartnerRequest { pattern, remove };
    let response = session
        .call(session.partners().deny_partner(request))
        .await?;
    printer.answer(&json::of(&response), &page(&response.rules))
}

pub async fn set_mode(mode: Mode, session: &Session, printer: &mut Printer) -> Result<(), Failure> {
    let request = v1::SetPartnerModeRequest {
        mode: v1::PartnerMode::from(mode).into(),
    };
    let response = session
        .call(session.partners().set_partner_mode(request))
        .await?;
    let shown = mode_page(response.mode()).then(page(&response.rules));
    printer.answer(&json::of(&response), &shown)
}

pub fn mode_page(mode: v1::PartnerMode) -> Page {
    let sentence = match mode {
        v1::PartnerMode::Unspecified => "",
        v1::PartnerMode::Nobody => "Nobody new becomes a partner.",
        v1::PartnerMode::Listed => "Who is on the allow-list may become a partner.",
        v1::PartnerMode::AnyoneAfterApproval => {
            "Anybody may become a partner, once an administrator has approved."
        }
    };
    Page::new().sentence_if(sentence)
}

pub fn page(rules: &[v1::PartnerRule]) -> Page {
    let rows = rules
        .iter()
        .map(|rule| {
            vec![
                if rule.deny { "deny" } else { "allow" }.to_owned(),
                rule.pattern.clone(),
            ]
        })
        .collect();
    Page::new().table(&["RULE", "PATTERN"], rows, "Both lists are empty.")
}
