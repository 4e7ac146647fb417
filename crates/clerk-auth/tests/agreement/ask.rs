//! Requests made up from numbers: mostly nearly right, for there the rules are.

use clerk_auth::testing::{self, NOW_MS, NOW_S};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::collections::HashMap;

#[derive(Debug)]
pub(crate) struct Asked {
    pub publishable_key: String,
    pub proxy_url: Option<String>,
    pub authorized_parties: Vec<String>,
    pub now_ms: i64,
    pub method: &'static str,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub handshakes: HashMap<String, Vec<String>>,
    pub refresh: Refresh,
}

/// What Clerk answers to a renewal.
#[derive(Debug)]
pub(crate) enum Refresh {
    Cookies(Vec<String>),
    Code(&'static str),
}

impl Asked {
    pub(crate) fn from_number(number: u64) -> Self {
        Dice { rng: StdRng::seed_from_u64(number) }.request()
    }

    pub(crate) fn to_json(&self) -> Value {
        let refresh = match &self.refresh {
            Refresh::Cookies(cookies) => json!({"cookies": cookies}),
            Refresh::Code(code) => json!({"code": code}),
        };
        json!({
            "publishable_key": self.publishable_key, "proxy_url": self.proxy_url, "now_ms": self.now_ms,
            "authorized_parties": self.authorized_parties, "method": self.method, "url": self.url,
            "headers": self.headers, "handshakes": self.handshakes, "refresh": refresh,
        })
    }
}

struct Dice {
    rng: StdRng,
}

impl Dice {
    fn one_in(&mut self, sides: u32) -> bool {
        self.rng.random_range(0..sides) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.rng.random_range(0..choices.len())]
    }

    fn request(&mut self) -> Asked {
        let environment = self.of(&["test", "live"]);
        let mut publishable_key = testing::publishable_key(environment);
        if self.one_in(4) {
            publishable_key = publishable_key.trim_end_matches('=').to_owned();
        }
        let key = clerk_auth::publishable_key::PublishableKey::parse(&publishable_key).expect("a key");
        let suffix = key.cookie_suffix();
        let mut handshakes = HashMap::new();
        let mut cookies = self.cookies(&suffix, environment == "test");
        if self.one_in(10) {
            handshakes.insert("n1".to_owned(), self.directives(&suffix));
            let nonce = self.of(&["n1", "n1", "n2"]);
            cookies.push(format!("__clerk_handshake_nonce={nonce}"));
        }
        if self.one_in(16) {
            cookies.push(format!("__clerk_handshake={}", self.handshake_token(&suffix)));
        }
        if self.one_in(6) {
            let count = self
                .of(&["0", "1", "2", "3", "4", " 3", "3.0", "0x3", "1e1", "x", "", "-1", "2.5", "Infinity"]);
            cookies.push(format!("__clerk_redirect_count={count}"));
        }
        let url = self.url(&suffix, &mut handshakes);
        let mut headers = self.headers();
        if !cookies.is_empty() {
            if self.one_in(6) {
                let at = self.rng.random_range(0..cookies.len());
                cookies.swap(0, at);
            }
            headers.push(("cookie", cookies.join(self.of(&["; ", "; ", ";", " ;\t"]))));
        }
        Asked {
            publishable_key,
            proxy_url: self.one_in(5).then(|| {
                self.of(&["http://127.0.0.1:4000/", "/__clerk", "https://p.example/c//"]).to_owned()
            }),
            authorized_parties: match self.rng.random_range(0..8) {
                0 => vec!["https://other.example".to_owned()],
                1..4 => vec!["https://app.example".to_owned(), "https://other.example".to_owned()],
                _ => Vec::new(),
            },
            now_ms: NOW_MS + self.of(&[0, 0, 999, 500]),
            method: self.of(&["GET", "GET", "GET", "GET", "GET", "POST", "HEAD", "OPTIONS", "DELETE"]),
            url,
            headers,
            handshakes,
            refresh: if self.one_in(2) {
                Refresh::Code(self.of(&["session_revoked", "expired_refresh_token", "unexpected"]))
            } else {
                Refresh::Cookies(self.directives(&suffix))
            },
        }
    }

    fn headers(&mut self) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        if !self.one_in(4) {
            let destination =
                self.of(&["document", "document", "document", "iframe", "empty", "Document", "image"]);
            headers.push(("sec-fetch-dest", destination.to_owned()));
        }
        if self.one_in(2) {
            let accept = self.of(&[
                "text/html,*/*",
                "text/html",
                "*/*",
                "application/json",
                "TEXT/HTML",
                "text/htmlx",
            ]);
            headers.push(("accept", accept.to_owned()));
        }
        // Every request of HTTP/1.1 names a host; without one the SDK would ignore what proxies say.
        let host = self.of(&["app.example", "app.example", "app.example:443", "inner:3000", "a b"]);
        headers.push(("host", host.to_owned()));
        if self.one_in(5) {
            let host = self.of(&[
                "app.example",
                "other.example, app.example",
                "app.example:8443",
                "bad host",
                "https://x",
            ]);
            headers.push(("x-forwarded-host", host.to_owned()));
        }
        if self.one_in(5) {
            headers
                .push(("x-forwarded-proto", self.of(&["https", "http", "https,http", "HTTPS"]).to_owned()));
        }
        if self.one_in(3) {
            let referrer = self.of(&[
                "https://app.example/from",
                "https://other.example/",
                "https://clerk.example.com/x",
                "https://accounts.example.com/sign-in",
                "https://happy-cat-1.accounts.dev/",
                "https://happy-cat-1.clerk.accounts.dev/",
                "https://accounts.happy.lcl.dev/",
                "about:blank",
                "nonsense",
                "http://127.0.0.1:4000/x",
            ]);
            headers.push(("referer", referrer.to_owned()));
        }
        if self.one_in(5) {
            let token = self.token();
            let scheme =
                self.of(&["Bearer ", "Bearer ", "Bearer ", "bearer ", "Basic ", "", "Bearer  ", "Token "]);
            let rest = self.of(&["", "", "", " more"]);
            headers.push(("authorization", format!("{scheme}{token}{rest}")));
        }
        headers
    }

    fn url(&mut self, suffix: &str, handshakes: &mut HashMap<String, Vec<String>>) -> String {
        let origin = self.of(&["https://app.example", "https://app.example", "http://localhost:3000"]);
        let path = self.of(&["/", "/page", "/a%20b/c", "/x/../y", "/caf%C3%A9"]);
        let mut query: Vec<String> = Vec::new();
        for plain in
            ["a=1", "b=x%20y", "c=%2B+%26", "d", "e=%E2%82%AC", "f=%zz", "__dev_session=z", "__clerk_help=1"]
        {
            if self.one_in(9) {
                query.push(plain.to_owned());
            }
        }
        if self.one_in(9) {
            query.push(
                self.of(&["__clerk_db_jwt=dvb_query", "__clerk_db_jwt=", "%5F_clerk_db_jwt=dvb_q"])
                    .to_owned(),
            );
        }
        if self.one_in(20) {
            let back = self.of(&[
                "https%3A%2F%2Fsat.example%2Fx%3Fy%3D1",
                "nonsense",
                "https%3A%2F%2Fs.example%2F%3F__clerk_synced%3Dfalse%26q",
                "",
            ]);
            query.push(format!("__clerk_redirect_url={back}"));
        }
        if self.one_in(12) {
            handshakes.insert("n3".to_owned(), self.directives(suffix));
            let nonce = self.of(&["n3", "n3", "n%33", "unknown", ""]);
            query.push(format!("__clerk_handshake_nonce={nonce}"));
        }
        if self.one_in(20) {
            query.push(format!("__clerk_handshake={}", self.handshake_token(suffix)));
        }
        let at = self.rng.random_range(0..=query.len());
        query.rotate_left(at);
        let mark = if query.is_empty() && !self.one_in(10) { "" } else { "?" };
        format!("{origin}{path}{mark}{}", query.join("&"))
    }

    fn cookies(&mut self, suffix: &str, is_development: bool) -> Vec<String> {
        let mut cookies = Vec::new();
        let shared = self.token();
        // Half of the browsers are in order but for their one token.
        let in_order = self.one_in(2);
        for name in ["__session", "__client_uat", "__clerk_db_jwt", "__refresh"] {
            for tail in [String::new(), format!("_{suffix}"), "_abcdefgh".to_owned()] {
                let likely = match (name, tail.len()) {
                    ("__refresh", 9) => self.one_in(3),
                    ("__refresh", _) => self.one_in(6),
                    ("__clerk_db_jwt", 0) => is_development && !self.one_in(5),
                    (_, 9) if tail == "_abcdefgh" => self.one_in(8),
                    (_, 0) => !self.one_in(4),
                    _ => self.one_in(2),
                };
                let times = if likely { 1 + u32::from(self.one_in(25)) } else { 0 };
                for _ in 0..times {
                    let value = match name {
                        "__session" if in_order || self.one_in(2) => shared.clone(),
                        "__session" => self.token(),
                        "__client_uat" if in_order => (NOW_S - 86_400).to_string(),
                        "__client_uat" => self.client_uat(),
                        "__clerk_db_jwt" if in_order => "dvb_1".to_owned(),
                        "__clerk_db_jwt" => self.of(&["dvb_1", "dvb_2", "dvb_%41", ""]).to_owned(),
                        _ => self.of(&["refresh", "r%20x", ""]).to_owned(),
                    };
                    cookies.push(format!("{name}{tail}={value}"));
                }
            }
        }
        if self.one_in(10) {
            cookies.push(
                self.of(&["junk", "=x", "theme=dark", "__session", "a=\u{e9}", "q=\"a b\""]).to_owned(),
            );
        }
        cookies
    }

    fn client_uat(&mut self) -> String {
        let good = (NOW_S - 86_400).to_string();
        let future = (NOW_S + 3_600).to_string();
        let issued = (NOW_S - 10).to_string();
        self.of(&[
            &good, &good, &good, &good, &issued, &future, "0", "0", "1", "-1", "", "x", "12abc", "0x10",
            "1.9", " 5", "%30", "00", "1e3",
        ])
        .to_owned()
    }

    fn claims(&mut self) -> Value {
        let mut claims = testing::claims();
        let issued = NOW_S - self.of(&[10, 10, 10, 5, 15, 0, 50]);
        claims["iat"] = json!(issued);
        claims["nbf"] = json!(issued - 10);
        claims["exp"] = json!(issued + 60);
        match self.rng.random_range(-3..40) {
            -3..5 => {
                let past = NOW_S - self.of(&[100, 61, 70, 65, 66, 4_000, 90_000]);
                claims["iat"] = json!(past);
                claims["nbf"] = json!(past - 10);
                claims["exp"] = json!(past + 60);
            }
            5 => {
                claims["nbf"] =
                    self.of(&[json_number(NOW_S + 6), json_number(NOW_S + 5), Odd::Null, Odd::Text]).value()
            }
            6 => {
                claims["iat"] = self
                    .of(&[
                        json_number(NOW_S + 6),
                        json_number(NOW_S + 100_000),
                        Odd::Text,
                        Odd::Null,
                        Odd::Gone,
                    ])
                    .value()
            }
            7 => {
                claims["exp"] =
                    self.of(&[Odd::Null, Odd::Text, Odd::Gone, Odd::Huge, json_number(NOW_S - 5)]).value()
            }
            8 => claims["azp"] = self.of(&[Odd::Null, Odd::Text, Odd::Gone]).value(),
            9 => claims["azp"] = json!("https://other.example"),
            10 => claims["sub"] = self.of(&[Odd::Null, json_number(5), Odd::Gone]).value(),
            11 => claims["sub"] = json!(self.of(&["mch_1", "user_2"])),
            12 => claims["iss"] = self.of(&[Odd::Null, Odd::Text, Odd::Gone, json_number(0)]).value(),
            13 => {
                let issuer = self.of(&[
                    "https://clerk.other.example",
                    "http://clerk.example.com",
                    "clerk.example.com",
                    "",
                ]);
                claims["iss"] = json!(issuer);
            }
            14 => claims["sid"] = self.of(&[Odd::Null, Odd::Gone]).value(),
            15 => claims["sts"] = json!("pending"),
            16 => {
                claims["v"] = json!(1);
                claims["org_id"] = json!("org_1");
                claims["org_slug"] = json!("acme");
                claims["org_role"] = json!(self.of(&["org:admin", "org:member", "admin"]));
                claims["org_permissions"] = json!(["org:invoices:create"]);
            }
            17..20 => {
                claims["o"] = json!({"id": "org_2", "slg": "beta", "rol": self.of(&["admin", "member", ""]),
                    "per": self.of(&["create,read", "read, create", ""]), "fpm": self.of(&["1,3", "2", "0,x", ""])});
                claims["fea"] =
                    json!(self.of(&["o:invoices,u:themes", "u:themes,o:invoices,uo:reports", ""]));
                claims["pla"] = json!(self.of(&["u:pro", "o:pro", "o:free"]));
            }
            _ => {}
        }
        if let Some(object) = claims.as_object_mut() {
            object.retain(|_, value| *value != Odd::Gone.value());
        }
        claims
    }

    fn header(&mut self) -> Value {
        let mut header = testing::header();
        match self.rng.random_range(0..30) {
            0 => header["kid"] = json!(self.of(&["ins_other", "", "../../x"])),
            1 => header["alg"] = json!(self.of(&["none", "HS256", "RS384", "RS512", "rs256", "ES256"])),
            2 => {
                header["cat"] = json!(self.of(&["cl_B7d4PD222AAA", "cl_B7d4PD333AAA", "cl_I7d4PD111III", ""]))
            }
            3 => header["typ"] = json!(self.of(&["at+jwt", "application/at+jwt", "jwt", "JWT"])),
            4 => {
                let gone = self.of(&["kid", "alg", "cat", "typ"]);
                header.as_object_mut().expect("a header").remove(gone);
            }
            _ => {}
        }
        header
    }

    fn token(&mut self) -> String {
        let (header, claims) = (self.header(), self.claims());
        let mut token = if self.one_in(30) {
            testing::other_instance().sign(&header, &claims)
        } else {
            testing::instance().sign(&header, &claims)
        };
        match self.rng.random_range(0..50) {
            0 => token.push('A'),
            1 => token.push_str("=="),
            2 => token.truncate(token.len() - 3),
            3 => token = token.rsplit_once('.').map(|(message, _)| format!("{message}.")).expect("a token"),
            4 => self
                .of(&[
                    "junk",
                    "a.b.c",
                    "..",
                    "mt_x",
                    "oat_x",
                    "ak_x",
                    "eyJhbGciOiJSUzI1NiJ9.bnVsbA.AA",
                    "bnVsbA.e30.AA",
                ])
                .clone_into(&mut token),
            5 => token = token.replace('.', "%2E"),
            _ => {}
        }
        token
    }

    fn directives(&mut self, suffix: &str) -> Vec<String> {
        let token = self.token();
        let mut directives = vec!["__client_uat=5; Path=/; SameSite=Lax".to_owned()];
        match self.rng.random_range(0..8) {
            0 => directives.push("__session=; Path=/; Max-Age=0".to_owned()),
            1 => {}
            2 => directives.clear(),
            3 => {
                directives.push(format!("__session={token}; Path=/"));
                directives.push(format!("__session_{suffix}={}; Path=/", self.token()));
            }
            _ => {
                directives.push(format!("__session={token}; Path=/; Secure"));
                directives.push(format!("__session_{suffix}={token}; Path=/"));
            }
        }
        directives
    }

    fn handshake_token(&mut self, suffix: &str) -> String {
        let header = self.header();
        let claims = match self.rng.random_range(0..8) {
            0 => json!({"handshake": "text"}),
            1 => json!({"handshake": [5]}),
            2 => json!({}),
            _ => json!({"handshake": self.directives(suffix), "exp": 1}),
        };
        match self.rng.random_range(0..10) {
            0 => "junk".to_owned(),
            1 => testing::other_instance().sign(&header, &claims),
            _ => testing::instance().sign(&header, &claims),
        }
    }
}

/// Values that a claim should not have.
#[derive(Clone, Copy)]
enum Odd {
    Null,
    Text,
    Gone,
    Huge,
    Number(i64),
}

fn json_number(number: i64) -> Odd {
    Odd::Number(number)
}

impl Odd {
    fn value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text => json!("1799999990"),
            Self::Gone => json!("\u{0}gone"),
            Self::Huge => json!(1e300),
            Self::Number(number) => json!(number),
        }
    }
}
