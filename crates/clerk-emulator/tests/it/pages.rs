use clerk_emulator::{EmulatorConfig, NewUser, UserChange};

use crate::harness::{Clerk, Reply};

const TARGET: &str = "redirect_url=http%3A%2F%2Flocalhost%3A3000%2Fwelcome%3Fplan%3Dpro";
const ADA: [(&str, &str); 1] = [("email_address", "ada@example.com")];

fn html(reply: &Reply) -> &str {
    reply.body.as_str().unwrap()
}

fn cookie(reply: &Reply) -> String {
    let set = reply.set_cookies();
    let set = set.iter().find(|set| set.starts_with("__client=")).expect("the browser is remembered");
    assert!(set.contains("; HttpOnly; SameSite=Lax"), "{set}");
    set.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn pages_are_plain_closed_and_never_stored() {
    let clerk = Clerk::start().await;
    for (path, name) in
        [("/", "index"), ("/sign-up", "sign-up"), ("/sign-in", "sign-in"), ("/sign-out", "sign-out")]
    {
        let reply = clerk.open(path, &[]).await;
        assert_eq!(reply.status, 200);
        assert!(html(&reply).contains(&format!("data-page=\"{name}\"")));
        assert!(html(&reply).contains("Local Clerk for development"));
        assert!(!html(&reply).contains("<script"));
        assert_eq!(reply.headers["cache-control"], "no-store");
        let policy = reply.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"));
        assert!(reply.set_cookies().is_empty(), "looking leaves no trace");
    }
}

#[tokio::test]
async fn signing_up_sends_the_webhook_and_returns_to_the_app() {
    let clerk = Clerk::start().await;
    let fields = [
        ("email_address", " ada@example.com "),
        ("first_name", "Ada"),
        ("last_name", ""),
        ("username", "ada_l"),
        ("password", "correct horse"),
    ];
    let reply = clerk.form(&format!("/sign-up?{TARGET}"), &fields, &[]).await;
    assert_eq!(reply.status, 303);
    let browser = reply.target_param("__clerk_db_jwt").unwrap();
    assert_eq!(reply.location(), format!("http://localhost:3000/welcome?plan=pro&__clerk_db_jwt={browser}"));
    assert_eq!(cookie(&reply), format!("__client={browser}"));
    let user = &clerk.users()[0];
    assert_eq!((&user["first_name"], &user["last_name"]), (&"Ada".into(), &serde_json::Value::Null));
    assert_eq!(user["email_addresses"][0]["email_address"], "ada@example.com");
    assert_eq!(user["email_addresses"][0]["verification"]["status"], "verified");
    assert_eq!(user["password_enabled"], true);

    let index = clerk.open("/", &[("cookie", &cookie(&reply))]).await;
    assert!(html(&index).contains("Ada (ada@example.com)"));
    // Without a target the start page says who is signed in.
    let bob = clerk.form("/sign-up", &[("email_address", "bob@example.com")], &[]).await;
    assert_eq!((bob.status, bob.location()), (303, "/"));
}

#[tokio::test]
async fn closing_the_tab_leaves_the_user_and_shows_the_way() {
    let clerk = Clerk::start().await;
    let fields = [ADA[0], ("stay", "1")];
    let reply = clerk.form(&format!("/sign-up?{TARGET}"), &fields, &[]).await;
    assert_eq!((reply.status, reply.location()), (200, ""));
    assert!(html(&reply).contains("The app was not visited"));
    let link = "id=\"continue\" href=\"http://localhost:3000/welcome?plan=pro&amp;__clerk_db_jwt=dvb_";
    assert!(html(&reply).contains(link));
    assert_eq!(clerk.user_count(), 1);
}

#[tokio::test]
async fn mistakes_are_shown_beside_their_field_and_escaped() {
    let clerk = Clerk::start().await;
    clerk.create_user(NewUser::new().email("taken@example.com")).unwrap();
    let fields = [("email_address", "taken@example.com"), ("first_name", "\"><script>alert(1)</script>")];
    let reply = clerk.form(&format!("/sign-up?{TARGET}"), &fields, &[]).await;
    assert_eq!(reply.status, 422);
    let page = html(&reply);
    assert!(page.contains("aria-invalid=\"true\" aria-describedby=\"email_address-error\""));
    assert!(page.contains("&quot;&gt;&lt;script&gt;") && !page.contains("<script"));
    assert!(page.contains("value=\"taken@example.com\""));
    let short = [ADA[0], ("password", "short")];
    let reply = clerk.form("/sign-up", &short, &[]).await;
    assert!(html(&reply).contains("id=\"password-error\"") && !html(&reply).contains("value=\"short\""));
    for fields in [&[][..], &[("email_address", "a b@x.test")], &[("email_address", "x@y.test\r\n")]] {
        let status = clerk.form("/sign-up", fields, &[]).await.status;
        let trimmed = fields.first().is_some_and(|(_, value)| value.ends_with('\n'));
        assert_eq!(status, if trimmed { 303 } else { 422 }, "{fields:?}");
    }
    let huge = "x".repeat(70_000);
    assert_eq!(clerk.form("/sign-up", &[("email_address", &huge)], &[]).await.status, 413);
    // Repeated fields: the first counts. Bytes that are no text are not taken for an address.
    let raw = clerk.stranger(reqwest::Method::POST, "/sign-up");
    let raw = raw.header("content-type", "application/x-www-form-urlencoded");
    let twice = "email_address=first%40x.test&email_address=second%40x.test&first_name=%ff";
    assert_eq!(clerk.send(raw.body(twice)).await.status, 303);
    let newest = clerk.users().pop().unwrap();
    assert_eq!(newest["email_addresses"][0]["email_address"], "first@x.test");
}

#[tokio::test]
async fn nobody_is_sent_to_foreign_addresses() {
    let clerk =
        Clerk::start_with(|config| config.allowed_origins = vec!["https://app.test".to_owned()]).await;
    let encode = |url: &str| url::form_urlencoded::byte_serialize(url.as_bytes()).collect::<String>();
    for url in [
        "https://evil.test/",
        "//evil.test/",
        "/\\evil.test",
        "https:evil.test",
        "https:/\\evil.test",
        "http://localhost:3000@evil.test/",
        "http://localhost%2eevil.test/",
        "http://localhost:3000\\@evil.test/",
        "javascript:alert(document.domain)",
        "JaVaScRiPt://localhost/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "http://app.test/",
        "https://app.test.evil.test/",
        "http://localhost:3000/\r\nset-cookie: a=b",
        "\thttps://evil.test",
        "/relative",
        "http://127.0.0.1.evil.test/",
    ] {
        for path in ["/sign-up", "/sign-in", "/sign-out"] {
            let address = format!("{path}?redirect_url={}", encode(url));
            for reply in [clerk.open(&address, &[]).await, clerk.form(&address, &ADA, &[]).await] {
                assert_eq!(reply.status, 400, "{address}");
                assert!(html(&reply).contains("data-page=\"bad-target\""));
                assert!(!html(&reply).contains("<script"));
            }
        }
    }
    assert_eq!(clerk.user_count(), 0);
    for url in ["https://app.test/x", "http://127.0.0.1:9/", "http://[::1]:3000/", "http://app.localhost/"] {
        let address = format!("/sign-in?redirect_url={}", encode(url));
        assert_eq!(clerk.open(&address, &[]).await.status, 200, "{url}");
    }
    // A fallback cannot smuggle in what the stronger parameter would not let through, nor the other way round.
    let address =
        "/sign-up?redirect_url=http%3A%2F%2Flocalhost%2F&sign_up_force_redirect_url=https%3A%2F%2Fevil.test";
    assert_eq!(clerk.form(address, &ADA, &[]).await.status, 400);
}

#[tokio::test]
async fn the_strongest_parameter_names_the_target() {
    let clerk = Clerk::start().await;
    let all = "sign_up_fallback_redirect_url=http%3A%2F%2Flocalhost%2Ffallback&sign_in_force_redirect_url=http%3A%2F%2Flocalhost%2Fin";
    let to = async |number: u8, query: &str| {
        let email = format!("user{number}@example.com");
        let reply = clerk.form(&format!("/sign-up?{query}"), &[("email_address", &email)], &[]).await;
        url::Url::parse(reply.location()).unwrap().path().to_owned()
    };
    assert_eq!(to(1, all).await, "/fallback");
    assert_eq!(to(2, &format!("{all}&redirect_url=http%3A%2F%2Flocalhost%2Fplain")).await, "/plain");
    let force = "sign_up_force_redirect_url=http%3A%2F%2Flocalhost%2Fforce";
    assert_eq!(to(3, &format!("{all}&redirect_url=http%3A%2F%2Flocalhost%2Fplain&{force}")).await, "/force");
    let page = clerk.open(&format!("/sign-up?{all}&junk=1"), &[]).await;
    let link = format!("href=\"/sign-in?{}\"", all.replace('&', "&amp;"));
    assert!(html(&page).contains(&link), "{}", html(&page));
}

#[tokio::test]
async fn people_sign_in_by_name_or_from_the_list() {
    let clerk = Clerk::start().await;
    let ada = clerk.create_user(NewUser::new().email("ada@example.com").first_name("<Ada>")).unwrap();
    clerk.create_user(NewUser::new().username("bob_b").password("correct horse")).unwrap();
    let page = clerk.open("/sign-in", &[]).await;
    let button =
        format!("name=\"user_id\" value=\"{}\">&lt;Ada&gt; (ada@example.com)", ada["id"].as_str().unwrap());
    assert!(html(&page).contains(&button), "{}", html(&page));

    let id = ada["id"].as_str().unwrap();
    let path = format!("/sign-in?{TARGET}");
    let chosen = clerk.form(&path, &[("user_id", id)], &[]).await;
    assert_eq!(chosen.status, 303);
    let jar = cookie(&chosen);
    let bob = clerk.form(&path, &[("identifier", "BOB_B")], &[("cookie", &jar)]).await;
    assert_eq!(cookie(&bob), jar, "the same browser");
    let index = clerk.open("/", &[("cookie", &jar)]).await;
    assert!(html(&index).contains("bob_b") && !html(&index).contains("Ada"));

    let wrong = [("identifier", "bob_b"), ("password", "wrong horse")];
    let reply = clerk.form(&path, &wrong, &[]).await;
    assert_eq!(reply.status, 422);
    assert!(html(&reply).contains("Password is incorrect"));
    for (fields, status) in
        [(&[("identifier", "nobody@example.com")][..], 422), (&[("user_id", "user_nobody")], 404), (&[], 422)]
    {
        assert_eq!(clerk.form(&path, fields, &[]).await.status, status);
    }
    clerk.update_user(id, UserChange::new().banned(true)).unwrap();
    assert_eq!(clerk.form(&path, &[("user_id", id)], &[]).await.status, 403);
}

#[tokio::test]
async fn the_address_says_which_dev_browser_it_is() {
    let clerk = Clerk::start().await;
    let browser = clerk.create_browser(None).unwrap();
    let reply = clerk.form(&format!("/sign-up?{TARGET}&__clerk_db_jwt={browser}"), &ADA, &[]).await;
    assert_eq!(reply.target_param("__clerk_db_jwt"), Some(browser.clone()));
    // One that is unknown here is not believed.
    let bob = [("email_address", "bob@example.com")];
    let reply = clerk.form(&format!("/sign-up?{TARGET}&__clerk_db_jwt=dvb_made_up"), &bob, &[]).await;
    assert!(!reply.location().contains("dvb_made_up"));

    let path = format!("/sign-out?{TARGET}&__clerk_db_jwt={browser}");
    let asked = clerk.open(&path, &[]).await;
    assert!(html(&asked).contains("ada@example.com"), "a link signs nobody out");
    let out = clerk.form(&path, &[], &[]).await;
    assert_eq!((out.status, out.target_param("__clerk_db_jwt")), (303, Some(browser.clone())));
    let after = clerk.open(&path, &[]).await;
    assert!(html(&after).contains("Nobody is signed in here"));
    // Back on the same origin there is nothing to say.
    let own = format!("/sign-in?redirect_url={}%2F", clerk.url());
    let reply = clerk.form(&own, &[("identifier", "bob@example.com")], &[]).await;
    assert_eq!(reply.location(), format!("{}/", clerk.url()));
}

#[tokio::test]
async fn forms_of_other_sites_do_nothing() {
    let clerk = Clerk::start().await;
    let user = clerk.create_user(NewUser::new().email("ada@example.com")).unwrap();
    let own = clerk.url();
    let fields = [("email_address", "eve@example.com"), ("user_id", user["id"].as_str().unwrap())];
    for path in ["/sign-up", "/sign-in", "/sign-out"] {
        for headers in [
            &[("origin", "http://localhost:3000")][..],
            &[("origin", "null")],
            &[("origin", own.as_str()), ("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "cross-site")],
            &[("origin", "https://evil.test"), ("sec-fetch-site", "same-origin")],
        ] {
            let reply = clerk.form(path, &fields, headers).await;
            assert_eq!(reply.status, 403, "{path} {headers:?}");
            assert!(reply.set_cookies().is_empty());
        }
    }
    assert_eq!(clerk.user_count(), 1);
    let fine = [("origin", own.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(clerk.form("/sign-up", &fields, &fine).await.status, 303);
}

#[tokio::test]
async fn production_pages_tell_by_cookie() {
    let live = |config: &mut EmulatorConfig| {
        use base64::Engine as _;
        let host = base64::engine::general_purpose::STANDARD.encode("clerk.example.com$");
        config.publishable_key = format!("pk_live_{host}");
    };
    let clerk = Clerk::start_with(live).await;
    let path = "/sign-up?redirect_url=https%3A%2F%2Fapp.example.com%2Fwelcome";
    let fields = [ADA[0], ("stay", "1")];
    let reply = clerk.form(path, &fields, &[("host", "clerk.example.com")]).await;
    assert_eq!((reply.status, reply.location()), (303, "https://app.example.com/welcome"));
    let set = reply.set_cookies();
    let uat: Vec<_> = set.iter().filter(|set| set.starts_with("__client_uat")).collect();
    assert_eq!(uat.len(), 2, "{set:?}");
    assert!(uat.iter().all(|set| set.contains("; Domain=example.com;") && !set.contains("=0;")), "{set:?}");
    let page = clerk.open("/sign-up", &[]).await;
    assert!(!html(&page).contains("id=\"stay\""));
}
