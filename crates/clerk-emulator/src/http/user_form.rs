//! Bodies that make or change a user.

use serde_json::{Map, Value};

use crate::refusal::Refusal;
use crate::state::check::{check_email, check_password, check_phone, check_username};
use crate::state::edit::{Document, Edit};
use crate::state::user::Verification;
use crate::state::user_body::Kind;
use crate::state::user_draft::{NewUser, UserChange};

use super::form::Form;
use super::version::ApiVersion;

const DOCUMENTS: [(&str, Document); 3] = [
    ("public_metadata", Document::Public),
    ("private_metadata", Document::Private),
    ("unsafe_metadata", Document::Unsafe),
];

/// The body of `POST /v1/users`.
pub(crate) fn new_user(members: Map<String, Value>) -> Result<NewUser, Refusal> {
    let mut form = Form::new(members);
    let mut edits = Vec::new();
    let statuses = form.texts("email_address_identification_status")?;
    for (place, address) in form.texts("email_address")?.into_iter().enumerate() {
        check_email(&address)?;
        let reserved = match statuses.get(place).map(String::as_str) {
            None | Some("verified") => false,
            Some("reserved") => true,
            Some(other) => {
                let long = format!("{other:?} is neither verified nor reserved.");
                return Err(Refusal::bad_value("email_address_identification_status", long));
            }
        };
        edits.push(add(Kind::Email, address, reserved));
    }
    for number in form.texts("phone_number")? {
        check_phone(&number)?;
        edits.push(add(Kind::Phone, number, false));
    }
    for wallet in form.texts("web3_wallet")? {
        if wallet.is_empty() {
            return Err(Refusal::bad_format("web3_wallet", "the address of a wallet"));
        }
        edits.push(add(Kind::Wallet, wallet, false));
    }
    shared(&mut form, &mut edits)?;
    documents(&mut form, &mut edits)?;
    edits.extend(form.flag("banned")?.map(Edit::Banned));
    edits.extend(form.flag("locked")?.map(Edit::Locked));
    form.ignore(&["skip_user_requirement"]);
    form.finish()?;
    Ok(NewUser { edits, id: None })
}

/// The body of `PATCH /v1/users/{id}`.
pub(crate) fn user_change(members: Map<String, Value>, version: ApiVersion) -> Result<UserChange, Refusal> {
    let mut form = Form::new(members);
    let mut edits = Vec::new();
    for (name, kind) in [
        ("primary_email_address_id", Kind::Email),
        ("primary_phone_number_id", Kind::Phone),
        ("primary_web3_wallet_id", Kind::Wallet),
    ] {
        edits.extend(form.text(name)?.map(|which| Edit::Primary { kind, which }));
    }
    shared(&mut form, &mut edits)?;
    if !version.keeps_metadata_apart() {
        documents(&mut form, &mut edits)?;
    }
    form.ignore(&["profile_image_id", "notify_primary_email_address_changed", "sign_out_of_other_sessions"]);
    form.finish()?;
    Ok(UserChange { edits })
}

/// The body of `PATCH` and `PUT /v1/users/{id}/metadata`.
pub(crate) fn metadata_change(members: Map<String, Value>, merge: bool) -> Result<UserChange, Refusal> {
    let mut form = Form::new(members);
    let mut edits = Vec::new();
    for (name, document) in DOCUMENTS {
        edits.extend(form.metadata(name)?.map(|value| match merge {
            true => Edit::MergeMetadata { document, value },
            false => Edit::SetMetadata { document, value },
        }));
    }
    form.finish()?;
    Ok(UserChange { edits })
}

fn shared(form: &mut Form, edits: &mut Vec<Edit>) -> Result<(), Refusal> {
    // Clerk takes an empty text for none.
    let named = |text: Option<String>| text.filter(|text| !text.is_empty());
    edits.extend(form.text("external_id")?.map(named).map(Edit::ExternalId));
    edits.extend(form.text("first_name")?.map(named).map(Edit::FirstName));
    edits.extend(form.text("last_name")?.map(named).map(Edit::LastName));
    edits.extend(form.text("locale")?.map(named).map(Edit::Locale));
    if let Some(username) = form.text("username")?.map(named) {
        username.as_deref().map(check_username).transpose()?;
        edits.push(Edit::Username(username));
    }
    let unchecked = form.flag("skip_password_checks")?.unwrap_or_default();
    if let Some(password) = form.text("password")?.flatten() {
        if !unchecked {
            check_password(&password)?;
        }
        edits.push(Edit::Password(Some(password)));
    }
    let digest = form.text("password_digest")?.flatten();
    let hasher = form.text("password_hasher")?.flatten();
    match (digest, hasher) {
        (Some(_), Some(_)) => edits.push(Edit::PasswordDigest),
        (Some(_), None) => return Err(Refusal::missing_param("password_hasher")),
        _ => {}
    }
    edits.extend(form.text("totp_secret")?.map(|secret| Edit::Totp(secret.is_some())));
    let codes = form.texts("backup_codes")?;
    if !codes.is_empty() {
        edits.push(Edit::BackupCodes(true));
    }
    edits.extend(form.time("legal_accepted_at")?.map(Edit::LegalAcceptedAt));
    edits.extend(form.time("created_at")?.flatten().map(Edit::CreatedAt));
    edits.extend(form.flag("delete_self_enabled")?.map(Edit::DeleteSelfEnabled));
    edits.extend(form.flag("create_organization_enabled")?.map(Edit::CreateOrganizationEnabled));
    edits.extend(form.integer("create_organizations_limit")?.map(Edit::CreateOrganizationsLimit));
    edits.extend(form.flag("bypass_client_trust")?.map(Edit::BypassClientTrust));
    form.ignore(&["skip_legal_checks", "skip_password_requirement"]);
    Ok(())
}

fn documents(form: &mut Form, edits: &mut Vec<Edit>) -> Result<(), Refusal> {
    for (name, document) in DOCUMENTS {
        edits.extend(form.metadata(name)?.map(|value| Edit::SetMetadata { document, value }));
    }
    Ok(())
}

fn add(kind: Kind, value: String, reserved: bool) -> Edit {
    Edit::Add { kind, value, verification: Verification::Admin, reserved, primary: false }
}
