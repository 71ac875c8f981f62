package mlflow

import (
	"net/http"
	"strconv"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/mlflow/protojson"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
)

var metrics = []route.Route{
	route.GET(api2+"/metrics/get-history", access.RunRead, getHistory),
	route.GET(api2+"/metrics/get-history-bulk-interval", access.RunRead, call(getHistoryInterval)),
	route.GET("/ajax-api/2.0/mlflow/metrics/get-history-bulk", access.RunRead, getHistoryBulk),
}

// getHistory streams a history, however long, in pieces of a few kilobytes.
func getHistory(r *route.Request) error {
	var in struct {
		ID         string `pb:"run_id"`
		UUID       string `pb:"run_uuid"`
		Key        string `pb:"metric_key,required"`
		MaxResults *int64 `pb:"max_results"`
		PageToken  string `pb:"page_token"`
	}
	if err := decode(r, &in); err != nil {
		return err
	}
	id, err := runID{in.ID, in.UUID}.get()
	if err != nil {
		return err
	}
	q := tracking.HistoryQuery{RunID: id, Key: in.Key, After: in.PageToken}
	if in.MaxResults != nil {
		const most = 1 << 30
		if q.Limit, err = limit(in.MaxResults, 0, most); err != nil {
			return err
		}
	}
	h, err := route.Read(r, func(tx *storage.Tx) (tracking.History, error) { return tracking.MetricHistory(r.Ctx(), tx, r.Grant, q) })
	if err != nil {
		return err
	}
	s := newStream(r)
	if err := h.Each(func(m tracking.Metric) error { return s.point(m, "") }); err != nil {
		return err
	}
	return s.end(h.Next(), false)
}

// getHistoryBulk is what the browser pages of the protocol ask: whole histories of many runs.
func getHistoryBulk(r *route.Request) error {
	var in struct {
		RunIDs     []string `pb:"run_id"`
		Key        string   `pb:"metric_key,required"`
		MaxResults *int64   `pb:"max_results"`
	}
	if err := protojson.UnmarshalQuery(r.QueryParams(), &in); err != nil {
		return err
	}
	const most = 25000
	left, err := limit(in.MaxResults, most, 1<<40)
	if err != nil {
		return err
	}
	left = min(left, most)
	if n := len(in.RunIDs); n < 1 || n > tracking.MaxSampleRuns {
		return domain.Fail(domain.Invalid, "history.runs", "give between 1 and %d run ids, not %d", tracking.MaxSampleRuns, n)
	}
	hs, err := route.Read(r, func(tx *storage.Tx) (out []tracking.History, err error) {
		for _, id := range in.RunIDs {
			h, err := tracking.MetricHistory(r.Ctx(), tx, r.Grant, tracking.HistoryQuery{RunID: id, Key: in.Key, Limit: left})
			if err != nil {
				return nil, err
			}
			out = append(out, h)
		}
		return out, nil
	})
	if err != nil {
		return err
	}
	s := newStream(r)
	for i, h := range hs {
		if err := h.Each(func(m tracking.Metric) error {
			if left == 0 {
				return nil
			}
			left--
			return s.point(m, in.RunIDs[i])
		}); err != nil {
			return err
		}
	}
	return s.end("", true)
}

type intervalReply struct {
	Metrics []metric `json:"metrics,omitempty"`
}

func getHistoryInterval(r *route.Request, in struct {
	RunIDs     []string `pb:"run_ids"`
	Key        string   `pb:"metric_key,required"`
	Start      *int64   `pb:"start_step"`
	End        *int64   `pb:"end_step"`
	MaxResults *int64   `pb:"max_results"`
},
) (out intervalReply, err error) {
	q := tracking.SampleQuery{RunIDs: in.RunIDs, Key: in.Key, From: in.Start, To: in.End}
	if q.Points, err = limit(in.MaxResults, tracking.MaxSamplePoints, tracking.MaxSamplePoints); err != nil {
		return out, err
	}
	samples, err := route.Read(r, func(tx *storage.Tx) ([]tracking.RunSample, error) {
		return tracking.SampleHistories(r.Ctx(), tx, r.Grant, q)
	})
	for _, s := range samples {
		for _, m := range s.Points {
			m.RunID = s.RunID
			out.Metrics = append(out.Metrics, fromMetrics([]tracking.Metric{m})...)
		}
	}
	return out, err
}

// stream writes {"metrics":[…]} as it goes. Nothing is sent before the first piece is full, so that an
// early failure still gets an answer of its own.
type stream struct {
	r       *route.Request
	b       []byte
	points  int
	lastKey string
	quoted  []byte
}

const streamPiece = 32 << 10

func newStream(r *route.Request) *stream {
	return &stream{r: r, b: make([]byte, 0, streamPiece+1024)}
}

func (s *stream) point(m tracking.Metric, run string) error {
	if s.points == 0 {
		s.b = append(s.b, `{"metrics":[`...)
	} else {
		s.b = append(s.b, ',')
	}
	s.points++
	if m.Key != s.lastKey || s.quoted == nil {
		s.lastKey, s.quoted = m.Key, appendQuoted(nil, m.Key)
	}
	s.b = append(append(s.b, `{"key":`...), s.quoted...)
	s.b = appendNumber(append(s.b, `,"value":`...), m.Value)
	s.b = strconv.AppendInt(append(s.b, `,"timestamp":`...), m.Timestamp, 10)
	s.b = strconv.AppendInt(append(s.b, `,"step":`...), m.Step, 10)
	if run != "" {
		s.b = appendQuoted(append(s.b, `,"run_id":`...), run)
	}
	s.b = append(s.b, '}')
	if len(s.b) < streamPiece {
		return nil
	}
	return s.flush()
}

// end closes the reply; always says whether an empty list is written.
func (s *stream) end(next string, always bool) error {
	switch {
	case s.points > 0:
		s.b = append(s.b, ']')
	case always:
		s.b = append(s.b, `{"metrics":[]`...)
	default:
		s.b = append(s.b, '{')
	}
	if next != "" {
		s.b = appendQuoted(append(s.b, `,"next_page_token":`...), next)
	}
	s.b = append(s.b, '}')
	return s.flush()
}

func (s *stream) flush() error {
	res := s.r.Response()
	if !res.Committed {
		res.Header().Set("Content-Type", "application/json")
		res.WriteHeader(http.StatusOK)
	}
	route.Writing(s.r)
	_, err := res.Write(s.b)
	s.b = s.b[:0]
	return err
}
