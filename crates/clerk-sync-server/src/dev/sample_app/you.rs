//! The part of the page about the person in front of it: who they are, whether their row is there, and what to try.

use maud::{Markup, html};

use super::browser::Browser;
use super::page::person;
use super::view::View;

const GONE: &str = "This browser is signed in as somebody who is not among the users below.";

pub(super) fn you(view: &View, browser: &Browser) -> Markup {
    html! {
        section.panel.you aria-labelledby="you-title" {
            div.this-browser #you data-user=[browser.user.as_deref()] {
                @match &browser.user {
                    Some(id) => (signed_in(view, browser, id)),
                    None => (signed_out(browser)),
                }
            }
            (to_try(browser))
        }
    }
}

fn signed_in(view: &View, browser: &Browser, id: &str) -> Markup {
    let own = view.pairs.iter().find(|pair| pair.id == id);
    let side = own.and_then(|pair| pair.clerk.as_ref().or(pair.row.as_ref().map(|row| &row.side)));
    let words = own.map_or(GONE, |pair| pair.own.as_str());
    let tone = own.map(|pair| pair.sync.name());
    html! {
        h2 #you-title { @if browser.arrives { "Welcome to the app" } @else { "You, in this browser" } }
        @if let Some(side) = side { div.card { (person(id, side, false, false)) } }
        p.own #own role="status" data-sync=[tone] data-gone=(GONE) { (words) }
        div.buttons {
            a.button #sign-out href=(browser.links.sign_out) { "Sign out" }
            a.button #back href=(browser.links.back) { "I am back" }
        }
    }
}

fn signed_out(browser: &Browser) -> Markup {
    html! {
        h2 #you-title { "You, in this browser" }
        p.own { "Nobody is signed in here." }
        div.buttons {
            a.button.primary #sign-up href=(browser.links.sign_up) { "Sign up" }
            a.button #sign-in href=(browser.links.sign_in) { "Sign in" }
            a.button #back href=(browser.links.back) { "I am back" }
        }
    }
}

fn to_try(browser: &Browser) -> Markup {
    html! {
        div.to-try {
            h3 { "What to try" }
            ol {
                li { b { "Sign up" } ": you come back with your row in place, brought by your visit or by the webhook, whichever was first." }
                li { b { "Delay the next webhook" } ", then sign up: your visit (flow A) brings the row; the webhook finds nothing to do." }
                li { b { "Close the tab" } ": sign up with “Do not go back to the app” ticked. The webhook (flow B) brings the row." }
                li { b { "Drop the next webhook" } " and close the tab: no row. " b { "I am back" } " opens " a href=(browser.links.back) { code { "/clerk/after-sign-up" } } " by hand (flow C), and it is there." }
            }
        }
    }
}
