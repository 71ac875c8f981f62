package identity

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/slipway-ml/slipway/domain"
)

// attempts slows guessing down: five wrong passwords for one account from one address, then one more every
// half minute. It counts in this process.
type attempts struct {
	mu sync.Mutex
	m  map[string]*attempt
}

type attempt struct {
	wrong *rate.Limiter
	last  time.Time
}

const (
	freeTries = 5
	tryEvery  = 30 * time.Second
	mostKeys  = 10000
)

func (a *attempts) begin(who string, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.m[who]
	if t == nil || t.wrong.TokensAt(now) >= 1 {
		return nil
	}
	wait := time.Duration((1 - t.wrong.TokensAt(now)) * float64(tryEvery))
	return &domain.Error{
		Kind: domain.RateLimited, Key: "sign_in.wait", RetryAfter: wait, Args: []any{int(math.Ceil(wait.Seconds()))},
		Msg: "too many wrong passwords: wait half a minute and try again",
	}
}

// failed counts a wrong password and says how many tries are left.
func (a *attempts) failed(who string, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.m[who]
	if t == nil {
		a.forget(now)
		t = &attempt{wrong: rate.NewLimiter(rate.Every(tryEvery), freeTries)}
		a.m[who] = t
	}
	t.last = now
	t.wrong.AllowN(now, 1)
	left := int(t.wrong.TokensAt(now))
	return domain.Fail(domain.Unauthenticated, "sign_in.wrong", "the user name or password is not correct; tries left: %d", left)
}

func (a *attempts) succeeded(who string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.m, who)
}

// forget drops what has recovered and, if that is not enough, everything: memory is bounded, and a flood of
// made-up names must not fill it.
func (a *attempts) forget(now time.Time) {
	if len(a.m) < mostKeys {
		return
	}
	for k, t := range a.m {
		if now.Sub(t.last) > freeTries*tryEvery {
			delete(a.m, k)
		}
	}
	if len(a.m) >= mostKeys {
		clear(a.m)
	}
}
