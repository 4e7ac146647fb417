//! `/v1/environment`: what the components of Clerk's scripts show.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::core::Core;

use super::visitor::Visitor;

pub(crate) async fn read(State(core): State<Arc<Core>>, visitor: Visitor) -> Json<Value> {
    Json(json!({
        "auth_config": auth_config(&core),
        "display_config": display_config(&core, &visitor),
        "user_settings": user_settings(),
        "organization_settings": {
            "enabled": false,
            "max_allowed_memberships": 5,
            "actions": { "admin_delete": true },
            "domains": { "enabled": false, "enrollment_modes": [], "default_role": null },
            "slug": { "disabled": false },
            "creator_role": "org:admin",
        },
        "commerce_settings": { "billing": { "enabled": false } },
        "api_keys_settings": { "enabled": false },
        "client_debug_mode": false,
        "maintenance_mode": false,
        "partitioned_cookies": false,
    }))
}

fn auth_config(core: &Core) -> Value {
    json!({
        "object": "auth_config",
        "id": core.config.instance_id,
        "first_name": "on",
        "last_name": "on",
        "email_address": "required",
        "phone_number": "off",
        "username": "on",
        "password": "required",
        "first_factors": ["password", "ticket"],
        "second_factors": [],
        "single_session_mode": true,
        "enhanced_email_deliverability": false,
        "test_mode": false,
        "cookieless_dev": false,
        "url_based_session_syncing": !core.config.has_production_frontend(),
        "claimed_at": null,
        "reverification": false,
    })
}

fn display_config(core: &Core, visitor: &Visitor) -> Value {
    let pages = format!("http://{}", visitor.host);
    let environment = if core.config.has_production_frontend() { "production" } else { "development" };
    json!({
        "object": "display_config",
        "id": core.config.instance_id,
        "instance_environment_type": environment,
        "application_name": "Local Clerk",
        "theme": {
            "buttons": { "font_color": "#ffffff", "font_family": "sans-serif", "font_weight": "600" },
            "general": {
                "color": "#6c47ff",
                "padding": "1em",
                "box_shadow": "none",
                "font_color": "#151515",
                "font_family": "sans-serif",
                "border_radius": "0.5em",
                "background_color": "#ffffff",
                "label_font_weight": "600",
            },
            "accounts": { "background_color": "#ffffff" },
        },
        "preferred_sign_in_strategy": "password",
        "home_url": pages,
        "sign_in_url": format!("{pages}/sign-in"),
        "sign_up_url": format!("{pages}/sign-up"),
        "user_profile_url": pages,
        "after_sign_in_url": pages,
        "after_sign_up_url": pages,
        "after_sign_out_one_url": format!("{pages}/sign-in"),
        "after_sign_out_all_url": format!("{pages}/sign-in"),
        "after_switch_session_url": pages,
        "support_email": "",
        "branded": false,
        "experimental_force_oauth_first": false,
        "clerk_js_version": "6",
        "show_devmode_warning": false,
        "google_one_tap_client_id": null,
        "captcha_public_key": null,
        "captcha_widget_type": null,
        "captcha_public_key_invisible": null,
        "captcha_provider": "turnstile",
        "captcha_oauth_bypass": [],
    })
}

fn user_settings() -> Value {
    let off = || attribute(false, false, false);
    json!({
        "attributes": {
            "email_address": attribute(true, true, true),
            "password": attribute(true, true, false),
            "username": attribute(true, false, true),
            "first_name": attribute(true, false, false),
            "last_name": attribute(true, false, false),
            "phone_number": off(),
            "web3_wallet": off(),
            "authenticator_app": off(),
            "ticket": attribute(true, false, false),
            "backup_code": off(),
            "passkey": off(),
        },
        "social": {},
        "saml": { "enabled": false },
        "enterprise_sso": { "enabled": false },
        "sign_in": { "second_factor": { "required": false } },
        "sign_up": {
            "captcha_enabled": false,
            "captcha_widget_type": null,
            "custom_action_required": false,
            "progressive": true,
            "mode": "public",
            "legal_consent_enabled": false,
        },
        "restrictions": {
            "allowlist": { "enabled": false },
            "blocklist": { "enabled": false },
            "block_email_subaddresses": { "enabled": false },
            "block_disposable_email_domains": { "enabled": false },
        },
        "password_settings": {
            "disable_hibp": true,
            "min_length": 8,
            "max_length": 256,
            "require_special_char": false,
            "require_numbers": false,
            "require_uppercase": false,
            "require_lowercase": false,
            "show_zxcvbn": false,
            "min_zxcvbn_strength": 0,
            "allowed_special_characters": "",
        },
        "username_settings": { "min_length": 4, "max_length": 64 },
        "actions": { "delete_self": true, "create_organization": true },
        "attack_protection": {
            "user_lockout": { "enabled": true, "max_attempts": 100, "duration_in_minutes": 60 },
            "email_link": { "require_same_client": false },
            "enumeration_protection": { "enabled": false },
        },
        "passkey_settings": { "allow_autofill": false, "show_sign_in_button": false },
    })
}

fn attribute(enabled: bool, required: bool, first_factor: bool) -> Value {
    json!({
        "enabled": enabled,
        "required": required,
        "used_for_first_factor": first_factor,
        "first_factors": [],
        "used_for_second_factor": false,
        "second_factors": [],
        "verifications": [],
        "verify_at_sign_up": false,
        "immutable": false,
    })
}
