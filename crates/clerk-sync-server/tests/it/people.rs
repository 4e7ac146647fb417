//! Flows A, C and D: `/clerk/after-sign-up`, `/clerk/me` and `/clerk/verify`, for people with browsers and for proxies.

mod redirects;
mod returning;
mod sign_up;
