package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The bounds of what a browser may be let in by.
const (
	loginLife   = 15 * time.Minute
	sessionLife = 14 * 24 * time.Hour
	maxLogins   = 32
	maxSessions = 64
	// maxFailures wrong tokens in failureWindow end the trying for a while.
	maxFailures   = 10
	failureWindow = time.Minute
)

// sum is what is kept of a secret.
type sum [sha256.Size]byte

// auth knows who may use the page. Of one-time tokens and sessions it keeps
// only hashes; they end with the process.
type auth struct {
	cookie string // the cookie's name; cookies are not separated by port
	bearer string // for scripts, also in the state file
	now    func() time.Time

	mu       sync.Mutex
	logins   map[sum]time.Time // until when
	sessions map[sum]time.Time
	failures map[string][]time.Time // by way in
}

func newAuth(port int, now func() time.Time) *auth {
	return &auth{
		cookie: "cowork-" + strconv.Itoa(port), bearer: rand.Text(), now: now,
		logins: map[sum]time.Time{}, sessions: map[sum]time.Time{}, failures: map[string][]time.Time{},
	}
}

// oneTime returns a new token for one login.
func (a *auth) oneTime() string {
	token := rand.Text()
	a.mu.Lock()
	defer a.mu.Unlock()
	put(a.logins, sha256.Sum256([]byte(token)), a.now(), loginLife, maxLogins)
	return token
}

// put adds a secret; of too many the one that ends first goes.
func put(m map[sum]time.Time, s sum, now time.Time, life time.Duration, most int) {
	for k, until := range m {
		if !now.Before(until) {
			delete(m, k)
		}
	}
	for len(m) >= most {
		var first sum
		var at time.Time
		for k, until := range m {
			if at.IsZero() || until.Before(at) {
				first, at = k, until
			}
		}
		delete(m, first)
	}
	m[s] = now.Add(life)
}

// find looks a secret up without telling by time how close a guess is.
func find(m map[sum]time.Time, secret string, now time.Time) (sum, bool) {
	got := sha256.Sum256([]byte(secret))
	found := 0
	for want, until := range m {
		if now.Before(until) {
			found |= subtle.ConstantTimeCompare(got[:], want[:])
		}
	}
	return got, found == 1
}

// verdict is what comes of a secret.
type verdict int

const (
	absent  verdict = iota // none was sent
	wrong                  // a wrong one
	tooMany                // too many wrong ones before it: it was not looked at
	granted
)

// status is the answer to a request that is not let in.
func (v verdict) status() int {
	if v == tooMany {
		return http.StatusTooManyRequests
	}
	return http.StatusUnauthorized
}

// login spends a one-time token and returns the cookie of a new session.
func (a *auth) login(token string) (*http.Cookie, verdict) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if token == "" {
		return nil, absent
	}
	if a.exhausted("login") {
		return nil, tooMany
	}
	key, ok := find(a.logins, token, a.now())
	if !ok {
		a.failed("login")
		return nil, wrong
	}
	delete(a.logins, key)
	session := rand.Text()
	put(a.sessions, sha256.Sum256([]byte(session)), a.now(), sessionLife, maxSessions)
	return &http.Cookie{
		Name: a.cookie, Value: session, Path: "/", HttpOnly: true,
		SameSite: http.SameSiteStrictMode, MaxAge: int(sessionLife.Seconds()),
	}, granted
}

// check judges what a request brings: a session's cookie or a script's token.
func (a *auth) check(r *http.Request) verdict {
	a.mu.Lock()
	defer a.mu.Unlock()
	if h := r.Header.Get("Authorization"); h != "" {
		if a.exhausted("bearer") {
			return tooMany
		}
		token, ok := strings.CutPrefix(h, "Bearer ")
		got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(a.bearer))
		if ok && subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
			return granted
		}
		a.failed("bearer")
		return wrong
	}
	cookies := r.CookiesNamed(a.cookie)
	if len(cookies) != 1 { // two: somebody planted one
		return absent
	}
	if _, ok := find(a.sessions, cookies[0].Value, a.now()); ok {
		return granted
	}
	// A page of an earlier host comes here again and again: it must not keep
	// the person from logging in, nor a right cookie from working.
	if a.exhausted("cookie") {
		return tooMany
	}
	a.failed("cookie")
	return wrong
}

// exhausted reports whether too many tries by this way failed lately.
func (a *auth) exhausted(way string) bool {
	since := a.now().Add(-failureWindow)
	kept := a.failures[way][:0]
	for _, t := range a.failures[way] {
		if t.After(since) {
			kept = append(kept, t)
		}
	}
	a.failures[way] = kept
	return len(kept) >= maxFailures
}

func (a *auth) failed(way string) { a.failures[way] = append(a.failures[way], a.now()) }
