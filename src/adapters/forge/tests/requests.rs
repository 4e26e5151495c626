//! Opening requests: once, whatever the forge makes of it.

use super::*;
use crate::domain::forge::RequestDraft;

fn draft(branch: &str) -> RequestDraft {
    RequestDraft {
        branch: branch.into(),
        base: "main".into(),
        title: "feat(shared-auth)!: 3.0.0".into(),
        body: "why\n/close\n".into(),
    }
}

#[tokio::test]
async fn github_opens_a_request_unless_there_is_one() {
    let Ground { forge, settings, server, .. } = &github().await;
    let list = "GET /repos/shop/control/pulls?state=open&per_page=100&head=shop%3Achange%2Fnew&base=main";
    let send = "POST /repos/shop/control/pulls";
    server.on(list, [ok(&json!([]))]).on(send, [reply(201, r#"{"number":44}"#)]);
    assert_eq!(forge.open_request(settings, &draft("change/new")).await.unwrap(), 44);
    assert_eq!(
        server.sent(send)[0].body,
        json!({ "title": "feat(shared-auth)!: 3.0.0", "head": "change/new", "base": "main", "body": "why\n/close\n" })
    );
    // The one of the branch is found; that of a fork with a branch of the same name is not it.
    let known = "change/shared-auth-2.0.0";
    let list = "GET /repos/shop/control/pulls?state=open&per_page=100&head=shop%3Achange%2Fshared-auth-2.0.0&base=main";
    server.on(list, [reply(200, fixture!("github-pulls"))]);
    assert_eq!(forge.open_request(settings, &draft(known)).await.unwrap(), 12);
    assert_eq!(server.sent(send).len(), 1, "it is not doubled");
    let mut forked: Value = serde_json::from_str(fixture!("github-pulls")).unwrap();
    forked[0]["head"]["repo"]["full_name"] = "eve/control".into();
    server.on(list, [ok(&forked)]);
    assert_eq!(forge.open_request(settings, &draft(known)).await.unwrap(), 44);
}

#[tokio::test]
async fn a_request_is_sent_once_whatever_comes_back() {
    for (answer, kind, said) in [
        (reply(500, "<html>oops</html>"), FailureKind::Unreachable, "500"),
        (reply(429, "").with("retry-after", "90"), FailureKind::Unreachable, "left alone until"),
        (
            reply(422, r#"{"message":"Validation Failed","errors":[{"message":"No commits"}]}"#),
            FailureKind::Refused,
            "No commits",
        ),
        (
            ok(&json!({ "number": 1 })).after(Duration::from_secs(2)),
            FailureKind::Unreachable,
            "open the pull request",
        ),
        (reply(201, "[]"), FailureKind::Unreachable, "something else than its API"),
    ] {
        let Ground { forge, settings, server, .. } = &github().await;
        let send = "POST /repos/shop/control/pulls";
        server.on("GET /repos/shop/control/pulls", [ok(&json!([]))]).on(send, [answer]);
        let failure = forge.open_request(settings, &draft("change/new")).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{}", failure.render());
        assert!(safe(&failure).contains(said), "{}", failure.render());
        assert_eq!(server.sent(send).len(), 1, "{said}");
    }
    // A list that stumbles is read again; nothing is sent before it is known.
    let Ground { forge, settings, server, .. } = &github().await;
    let send = "POST /repos/shop/control/pulls";
    server
        .on("GET /repos/shop/control/pulls", [reply(502, ""), ok(&json!([]))])
        .on(send, [reply(201, r#"{"number":7}"#)]);
    assert_eq!(forge.open_request(settings, &draft("change/new")).await.unwrap(), 7);
    assert_eq!(server.lines().iter().filter(|line| line.starts_with("GET ")).count(), 2);
}

#[tokio::test]
async fn gitlab_and_gitea_open_them_in_their_words() {
    let Ground { forge, settings, server, .. } = &ground(ForgeKind::GitLab, "shop/ops/control").await;
    let base = "/api/v4/projects/shop%2Fops%2Fcontrol/merge_requests";
    let query = "state=opened&source_branch=change%2Fnew&target_branch=main&per_page=100";
    server
        .on(&format!("GET {base}?{query}"), [ok(&json!([]))])
        .on(&format!("POST {base}"), [reply(201, r#"{"iid":9}"#)]);
    assert_eq!(forge.open_request(settings, &draft("change/new")).await.unwrap(), 9);
    assert_eq!(
        server.sent(&format!("POST {base}"))[0].body,
        json!({
            "source_branch": "change/new",
            "target_branch": "main",
            "title": "feat(shared-auth)!: 3.0.0",
            "description": "why\n\\/close",
        })
    );
    server.on(&format!("GET {base}"), [reply(200, fixture!("gitlab-merge-requests"))]);
    assert_eq!(forge.open_request(settings, &draft("change/shared-auth-2.0.0")).await.unwrap(), 7);
    assert_eq!(server.sent(&format!("POST {base}")).len(), 1);

    let Ground { forge, settings, server, .. } = &ground(ForgeKind::Gitea, "shop/control").await;
    let base = "/api/v1/repos/shop/control/pulls";
    server
        .on(&format!("GET {base}?state=open&limit=50"), [reply(200, fixture!("gitea-pulls"))])
        .on(&format!("POST {base}"), [reply(201, r#"{"number":21}"#)]);
    assert_eq!(forge.open_request(settings, &draft("change/new")).await.unwrap(), 21);
    assert_eq!(server.sent(&format!("POST {base}"))[0].body["head"], "change/new");
}
