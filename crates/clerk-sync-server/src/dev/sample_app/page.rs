//! The page. Its script keeps it up to date by the same classes; everything here is escaped by maud.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use time::OffsetDateTime;

use super::Addresses;
use super::browser::Browser;
use super::follow::Trouble;
use super::log::Line;
use super::view::{Pair, Row, Side, View};
use super::you::you;

/// The whole page. `trouble`: why the last form did nothing.
pub(super) fn page(addresses: &Addresses, view: &View, browser: &Browser, trouble: Option<&str>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "clerk-sync dev" }
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/assets/page.css";
                script src="/assets/page.js" defer {}
            }
            body data-run=(view.run) {
                a.skip href="#users" { "Skip to the users" }
                (top(addresses, &view.table))
                main {
                    (you(view, browser))
                    div.controls {
                        (new_user(view))
                        (next_webhook(view))
                    }
                    p.notice #notice role="alert" hidden[trouble.is_none()] { (trouble.unwrap_or_default()) }
                    div.live-part {
                        (users(view))
                        (log(view))
                    }
                }
                template #pair-template { (pair(&Pair::default())) }
                template #line-template { (line(&Line::default())) }
            }
        }
    }
}

fn top(addresses: &Addresses, table: &str) -> Markup {
    html! {
        header {
            div.brand {
                img src="/assets/icon.svg" alt="" width="36" height="36";
                h1 { "clerk-sync " span.thin { "dev" } }
                span.live #live role="status" { "not live" }
            }
            p.lead {
                "Sign up at an emulated Clerk, or change its users, and watch the rows of your table " code { (table) }
                " follow, with the flow that wrote them and the time it took."
            }
            dl.addresses {
                (address("Clerk", &addresses.clerk))
                (address("Service", &addresses.service))
                (address("Admin", &addresses.admin))
                (address("Database", &addresses.database))
            }
        }
    }
}

fn address(name: &str, value: &str) -> Markup {
    html! {
        div {
            dt { (name) }
            dd {
                code { (value) }
                button.copy type="button" data-copy=(value) aria-label={ "Copy the address of " (name) } hidden {
                    (COPY)
                }
            }
        }
    }
}

const COPY: PreEscaped<&str> = PreEscaped(
    r#"<svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.5"><rect x="5.5" y="5.5" width="8" height="8" rx="1.5"/><path d="M10.5 3v-.5h-8v8H3"/></svg>"#,
);

fn new_user(view: &View) -> Markup {
    html! {
        section.panel aria-labelledby="new-user-title" {
            h2 #new-user-title { "Create a user" }
            form.new-user #new-user method="post" action="/api/users" data-method="POST" {
                label { "Name" input name="name" maxlength="100" autocomplete="off" placeholder=(view.suggestion); }
                label { "E-mail" input name="email" type="email" maxlength="254" autocomplete="off" placeholder="made up"; }
                button.primary #create type="submit" { "New user" }
            }
            p.hint { "Both may stay empty: one click makes somebody up." }
        }
    }
}

fn next_webhook(view: &View) -> Markup {
    let drops = view.armed == Some(Trouble::Drop);
    let delays = matches!(view.armed, Some(Trouble::Delay { .. }));
    html! {
        section.panel aria-labelledby="webhook-title" {
            h2 #webhook-title { "Disturb the next webhook" }
            p.hint #armed role="status" data-armed=[view.armed.map(|_| "yes")] { (armed_words(view)) }
            div.buttons {
                (toggle("drop-next", "Drop next webhook", drops))
                (toggle("delay-next", "Delay next webhook by 3 s", delays))
                form #resend method="post" action="/api/webhooks/resend-dropped" data-method="POST" {
                    button type="submit" aria-disabled=[(view.lost == 0).then_some("true")] {
                        "Send dropped webhooks again " span.count #lost { "(" (view.lost) ")" }
                    }
                }
            }
            p.hint { "Then sign up, or create, rename or delete somebody." }
        }
    }
}

/// Pressing it again takes it back.
fn toggle(what: &str, label: &str, pressed: bool) -> Markup {
    let then = if pressed { "deliver-next" } else { what };
    html! {
        form.toggle data-what=(what) method="post" action={ "/api/webhooks/" (then) } data-method="POST" {
            button type="submit" aria-pressed=(pressed) { (label) }
        }
    }
}

fn armed_words(view: &View) -> &str {
    view.armed_words.as_deref().unwrap_or("The next webhook will be delivered as usual.")
}

fn users(view: &View) -> Markup {
    html! {
        section.users aria-labelledby="users" {
            div.section-head {
                h2 #users tabindex="-1" { "Users" }
                p.summary #summary data-good=(view.all_in_sync) { (view.summary) }
            }
            p.notice #problem role="alert" hidden[view.problem.is_none()] { (view.problem.as_deref().unwrap_or_default()) }
            table role="table" aria-labelledby="users" hidden[view.pairs.is_empty()] {
                thead role="rowgroup" {
                    tr role="row" {
                        th role="columnheader" scope="col" { "Users in Clerk (emulated)" }
                        th role="columnheader" scope="col" { span.unseen { "How equal they are" } }
                        th role="columnheader" scope="col" { "Rows in your table " code { (view.table) } }
                    }
                }
                tbody #pairs role="rowgroup" { @for one in &view.pairs { (pair(one)) } }
            }
            p.hint #more hidden[view.more.is_none()] { (view.more.as_deref().unwrap_or_default()) }
            div.empty #empty hidden[!view.pairs.is_empty()] {
                p.big { "Nobody here yet" }
                p { "Sign up, or press " b { "New user" } ": it creates a user in the emulated Clerk, Clerk sends a webhook, and the row appears here." }
            }
        }
    }
}

fn pair(pair: &Pair) -> Markup {
    html! {
        tr.pair role="row" data-id=(pair.id) data-sync=(pair.sync.name()) data-waiting=(pair.waiting) {
            td.clerk role="cell" {
                span.side-label aria-hidden="true" { "Clerk" }
                (clerk_card(&pair.id, pair.clerk.as_ref()))
                p.none hidden[pair.clerk.is_some()] { "Not in Clerk" }
            }
            td.state role="cell" {
                span.pill { (pair.label) }
                span.how { span.flow { (pair.flow.as_deref().unwrap_or_default()) } " " span.took { (pair.took.as_deref().unwrap_or_default()) } }
                span.cause { (pair.cause.as_deref().unwrap_or_default()) }
            }
            td.row role="cell" {
                span.side-label aria-hidden="true" { "Table" }
                (row_card(&pair.id, pair.row.as_ref()))
                p.none hidden[pair.row.is_some()] { "No row" }
            }
        }
    }
}

fn clerk_card(id: &str, clerk: Option<&Side>) -> Markup {
    let blank = Side::default();
    let side = clerk.unwrap_or(&blank);
    let action = format!("/api/users/{id}");
    html! {
        div.card hidden[clerk.is_none()] {
            (person(id, side, false, false))
            div.actions {
                details.rename {
                    summary aria-label={ "Rename " (side.name) } { "Rename" }
                    form method="post" action=(action) data-method="PATCH" {
                        input type="hidden" name="action" value="rename";
                        label { "New name" input name="name" value=(side.name) maxlength="100" required autocomplete="off"; }
                        button.primary type="submit" { "Save" }
                        button.cancel type="button" hidden { "Cancel" }
                    }
                }
                form.delete method="post" action=(action) data-method="DELETE" {
                    input type="hidden" name="action" value="delete";
                    button.danger type="submit" aria-label={ "Delete " (side.name) } { "Delete" }
                }
            }
        }
    }
}

fn row_card(id: &str, row: Option<&Row>) -> Markup {
    let blank = Row::default();
    let shown = row.unwrap_or(&blank);
    html! {
        div.card hidden[row.is_none()] {
            (person(id, &shown.side, shown.name_differs, shown.email_differs))
            details.columns {
                summary { "All columns" }
                dl {
                    @for column in &shown.columns {
                        div data-differs=(column.differs) {
                            dt { (column.name) }
                            dd data-null=(column.value.is_none()) { (column.value.as_deref().unwrap_or("null")) }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn person(id: &str, side: &Side, name_differs: bool, email_differs: bool) -> Markup {
    html! {
        span.avatar aria-hidden="true" data-hue=(side.hue) { (side.initials) }
        div.who {
            strong.name data-differs=(name_differs) { (side.name) }
            span.email data-differs=(email_differs) { (side.email) }
            code.id { (id) }
        }
    }
}

fn log(view: &View) -> Markup {
    html! {
        section.panel.log aria-labelledby="log-title" {
            h2 #log-title { "What happened" }
            p.hint #log-empty hidden[!view.log.is_empty()] { "Nothing yet." }
            div.scroll role="log" aria-live="polite" aria-relevant="additions" aria-labelledby="log-title" tabindex="0" {
                ol #log { @for one in &view.log { (line(one)) } }
            }
        }
    }
}

fn line(line: &Line) -> Markup {
    html! {
        li data-key=(line.key) data-tone=(line.tone.name()) {
            time datetime=(moment(line.at_ms)) { (moment(line.at_ms)) }
            p {
                code.event { (line.event.as_deref().unwrap_or_default()) } " "
                span.name { (line.who) } " "
                span.arrow { "→" } " "
                span.outcome { (line.outcome) }
                span.took { (line.took.as_ref().map(|took| format!(", {took}")).unwrap_or_default()) }
            }
        }
    }
}

/// In UTC; the script shows the local time.
fn moment(at_ms: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000);
    let moment = moment.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        moment.year(),
        u8::from(moment.month()),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second()
    )
}
