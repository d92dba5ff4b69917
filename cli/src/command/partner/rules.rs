//! `partner allow`, `partner deny` and `partner mode`: whom the organisation would have as a partner.

use clap::ValueEnum;
use foedus_proto::api::v1;

use crate::connection::Session;
use crate::failure::{Exit, Failure};
use crate::json;
use crate::page::Page;
use crate::printer::Printer;

/// Whom to have.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Mode {
    /// No one new
    #[value(alias = "none")]
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
    let shown = page(&response.rules).then(denied_page(&response.denied_partners));
    printer.answer(&json::of(&response), &shown)
}

/// What it means for partners that there are already.
fn denied_page(partners: &[String]) -> Page {
    let about = |page: Page, partner: &String| {
        page.blank()
            .sentence(format!(
                "{partner} is a partner: while it is denied its link is closed, and nothing of it is taken, whoever carries it."
            ))
            .sentence("The peering and the channels that are shared with it stay, and go on once it is off the list.")
            .sentence(format!("To end them for good:  foedus --as NAME partner disconnect {partner} --yes"))
    };
    partners.iter().fold(Page::new(), about)
}

/// Shows whom to have, and changes nothing.
pub async fn show_mode(session: &Session, printer: &mut Printer) -> Result<(), Failure> {
    let request = v1::ListPartnersRequest {
        page_size: 1,
        ..v1::ListPartnersRequest::default()
    };
    let listed = session
        .call(session.partners().list_partners(request))
        .await?;
    let response = v1::SetPartnerModeResponse {
        mode: listed.mode,
        rules: listed.rules,
    };
    if response.mode() == v1::PartnerMode::Unspecified {
        return Err(Failure::new(
            Exit::Refused,
            "only administrators are told whom this organisation would have as a partner",
            "ask one",
        ));
    }
    let shown = mode_page(response.mode())
        .then(page(&response.rules))
        .sentence(
            "To change it:  foedus --as NAME partner mode nobody|listed|anyone-after-approval",
        );
    printer.answer(&json::of(&response), &shown)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Style;

    #[test]
    fn that_a_partner_is_denied_says_what_becomes_of_its_link() {
        let drawn = denied_page(&["globex.example".to_owned()]).draw(Style::PLAIN);
        for said in [
            "globex.example is a partner",
            "its link is closed",
            "The peering and the channels",
            "partner disconnect globex.example --yes",
        ] {
            assert!(drawn.contains(said), "{drawn}");
        }
        assert_eq!(denied_page(&[]).draw(Style::PLAIN), "");
    }
}
