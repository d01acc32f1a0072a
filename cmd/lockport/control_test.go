package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
)

// needed is who may do what: the contract of the socket. A verb that is not listed here is
// open to nobody until somebody has thought about it.
var needed = map[string]role{
	pathStatus: "", pathParticipantList: "", pathLocationList: "", pathApplicationList: "", pathProviderList: "",
	pathAuthorityList: "", pathMessageList: "", pathMessageShow: "", pathMessageTrace: "", pathQuarantineList: "",
	pathFeedList: "", pathAuditTail: "", pathAuditVerify: "",
	pathDirectoryChange: roleOperator, pathApplicationAdd: roleOperator,
	pathQuarantineRelease: roleOperator, pathQuarantineDiscard: roleOperator,
	pathFeedUncorrected: rolePrivacyOfficer, pathPatientShow: roleOperator, pathPatientLink: roleOperator, pathPatientUnlink: roleOperator, pathPatientUnmerge: roleOperator,
	pathFeedPause: roleOperator, pathFeedRetry: roleOperator, pathBackup: roleOperator,
	pathConsentRecord: rolePrivacyOfficer, pathConsentList: rolePrivacyOfficer, pathConsentShow: rolePrivacyOfficer,
	pathConsentVoid: rolePrivacyOfficer, pathConsentExplain: rolePrivacyOfficer,
}

func TestVerbsNeedTheirRoles(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range new(system).verbs() {
		want, known := needed[v.path]
		if !known || v.needs != want {
			t.Errorf("%s needs %q, want %q (listed: %t)", v.path, v.needs, want, known)
		}
		if seen[v.path] {
			t.Errorf("%s is there twice", v.path)
		}
		seen[v.path] = true
	}
	for path := range needed {
		if !seen[path] {
			t.Errorf("%s is gone", path)
		}
	}
}

// echoQuestion is a question of the tests.
type echoQuestion struct {
	Text string `json:"text"`
}

// ask puts a question to a server of one verb, as a user whom the kernel named; "" is a
// caller of whom it says nothing.
func ask(t *testing.T, user, path, body string) (int, string) {
	t.Helper()
	s := &controlServer{
		operators: map[string][]role{"ann": {roleOperator}, "bob": {roleAnalyst}, "none": nil},
		verbs: []verb{
			verbOf("/v1/echo", roleOperator, func(_ context.Context, who caller, q echoQuestion) (echoQuestion, error) {
				if q.Text == "fail" {
					return q, lockport.Errorf(lockport.Conflict, "", "it is there already")
				}
				return echoQuestion{who.User + " says " + q.Text}, nil
			}),
			verbOf("/v1/any", "", func(context.Context, caller, nothing) (nothing, error) { return nothing{}, nil }),
		},
	}
	request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	if user != "" {
		request = request.WithContext(context.WithValue(request.Context(), callerKey{}, user))
	}
	answer := httptest.NewRecorder()
	s.handler().ServeHTTP(answer, request)
	return answer.Code, answer.Body.String()
}

func TestControlAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		user, path, body string
		status           int
		text             string
	}{
		"a role":               {"ann", "/v1/echo", `{"text":"hello"}`, 200, `"ann says hello"`},
		"another role":         {"bob", "/v1/echo", `{"text":"hello"}`, 403, "needs the role operator"},
		"any role":             {"bob", "/v1/any", `{}`, 200, "{}"},
		"no role":              {"none", "/v1/any", `{}`, 403, "not named under operators"},
		"not in configuration": {"eve", "/v1/any", `{}`, 403, "not named under operators"},
		"kernel says nothing":  {"", "/v1/any", `{}`, 403, "does not say who is calling"},
		"an error of the verb": {"ann", "/v1/echo", `{"text":"fail"}`, 409, "it is there already"},
		"an unknown key":       {"ann", "/v1/echo", `{"text":"a","more":1}`, 400, "of one version"},
		"no JSON":              {"ann", "/v1/echo", `text`, 400, "of one version"},
		"an unknown verb":      {"ann", "/v1/other", `{}`, 400, "does not know this command"},
		"too much":             {"ann", "/v1/echo", `{"text":"` + strings.Repeat("x", maxQuestion) + `"}`, 400, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := ask(t, c.user, c.path, c.body)
			if status != c.status || !strings.Contains(body, c.text) {
				t.Errorf("status %d: %s", status, body)
			}
			if status != http.StatusOK && lockport.KindOf(serverError([]byte(body))).Meaning().HTTP != status {
				t.Errorf("the kind is lost on the way: %s", body)
			}
		})
	}
}

// Every kind must come out of the socket as it went in, or exit codes would change.
func TestKindsSurviveTheSocket(t *testing.T) {
	for k := lockport.Internal; k <= lockport.Unreachable; k++ {
		text, err := json.Marshal(failure{k.String(), "x"})
		if err != nil {
			t.Fatal(err)
		}
		if got := lockport.KindOf(serverError(text)); got != k {
			t.Errorf("%s became %s", k, got)
		}
	}
	if kindByName("of another version") != lockport.Internal {
		t.Error("an unknown kind is no failure")
	}
}
