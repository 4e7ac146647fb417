use clerk_emulator::NewUser;
use serde_json::json;

use crate::harness::Clerk;

#[tokio::test]
async fn the_creator_is_the_first_admin() {
    let clerk = Clerk::start().await;
    let ada = clerk.create_user(NewUser::new().email("ada@example.com").first_name("Ada")).unwrap();
    let body = json!({ "name": "Analytical Engines!", "created_by": ada["id"] });
    let organization = clerk.post("/v1/organizations", body).await;
    assert_eq!((organization.status, &organization.body["slug"]), (200, &json!("analytical-engines")));
    let id = organization.id();
    let members = clerk.get(&format!("/v1/organizations/{id}/memberships")).await.body;
    assert_eq!(members["total_count"], 1);
    let member = &members["data"][0];
    assert_eq!(
        (&member["role"], &member["object"]),
        (&json!("org:admin"), &json!("organization_membership"))
    );
    assert_eq!(member["public_user_data"]["identifier"], "ada@example.com");
    assert_eq!(member["organization"]["id"], id);
    let counted = clerk.get("/v1/organizations/analytical-engines?include_members_count=true").await;
    assert_eq!(counted.body["members_count"], 1);
}

#[tokio::test]
async fn members_come_change_and_go() {
    let clerk = Clerk::start().await;
    let bob = clerk.create_user(NewUser::new()).unwrap();
    let bob = bob["id"].as_str().unwrap();
    let id = clerk.post("/v1/organizations", json!({ "name": "Engines" })).await.id().to_owned();
    let path = format!("/v1/organizations/{id}/memberships");
    let joined = clerk.post(&path, json!({ "user_id": bob, "role": "org:member" })).await;
    assert_eq!(joined.body["role"], "org:member");
    assert_eq!(clerk.post(&path, json!({ "user_id": bob, "role": "org:member" })).await.status, 400);
    assert_eq!(clerk.post(&path, json!({ "user_id": bob, "role": "org:king" })).await.status, 404);
    let promoted = clerk.patch(&format!("{path}/{bob}"), json!({ "role": "org:admin" })).await;
    assert_eq!(promoted.body["role_name"], "Admin");
    let noted =
        clerk.patch(&format!("{path}/{bob}/metadata"), json!({ "public_metadata": { "seat": 1 } })).await;
    assert_eq!(noted.body["public_metadata"], json!({ "seat": 1 }));
    for path in
        [format!("/v1/users/{bob}/organization_memberships"), "/v1/organization_memberships".to_owned()]
    {
        assert_eq!(clerk.get(&path).await.body["total_count"], 1, "{path}");
    }
    assert_eq!(clerk.delete(&format!("{path}/{bob}")).await.body["role"], "org:admin");
    assert_eq!(clerk.get(&path).await.body, json!({ "data": [], "total_count": 0 }));
}

#[tokio::test]
async fn organizations_are_listed_changed_and_deleted() {
    let clerk = Clerk::start().await;
    for name in ["Beta", "Alpha", "Gamma"] {
        clerk.post("/v1/organizations", json!({ "name": name })).await;
    }
    let listed = clerk.get("/v1/organizations?order_by=name&limit=2").await.body;
    assert_eq!((&listed["total_count"], &listed["data"][0]["name"]), (&json!(3), &json!("Alpha")));
    let id = listed["data"][0]["id"].as_str().unwrap();
    let path = format!("/v1/organizations/{id}");
    let change = json!({ "public_metadata": { "plan": "pro" } });
    assert_eq!(clerk.patch(&format!("{path}/metadata"), change).await.body["public_metadata"]["plan"], "pro");
    assert_eq!(clerk.patch(&path, json!({ "name": "First" })).await.body["name"], "First");
    assert_eq!(clerk.post("/v1/organizations", json!({ "name": "X", "slug": "beta" })).await.status, 422);
    assert_eq!(clerk.delete(&path).await.body["deleted"], true);
    assert_eq!(clerk.get(&path).await.status, 404);
    assert_eq!(clerk.get("/v1/organizations?query=gam").await.body["total_count"], 1);
}
