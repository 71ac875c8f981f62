package promotion

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/slipway-ml/slipway/domain/stats"
)

// What an expression may cost. Whoever writes policies is trusted with them, not with the server.
const (
	maxExpr      = 4 << 10 // bytes
	maxExprDepth = 64      // brackets in brackets
	maxExprNodes = 2_000   // after macros are written out
	maxExprCost  = 100_000 // steps, as the library counts them
	maxExprSize  = 100_000 // elements of values at one time, as the library counts them
	maxRegex     = 1_000   // instructions of a regular expression
	maxCompiled  = 200     // expressions that are kept compiled
)

// The facts as expressions name them. A metric is in a map only where it has one finite value, so that an expression
// about any other finds no such key, and that is an error.
type (
	celVersion struct {
		ID         string             `cel:"id"`
		Model      string             `cel:"model"`
		Version    int64              `cel:"version"`
		Digest     string             `cel:"digest"`
		Kind       string             `cel:"kind"`
		Risk       string             `cel:"risk"`
		Metrics    map[string]float64 `cel:"metrics"`
		Measured   []celMeasured      `cel:"measured"`
		Params     map[string]string  `cel:"params"`
		Tags       map[string]string  `cel:"tags"`
		Data       []celData          `cel:"data"`
		Card       celCard            `cel:"card"`
		Scan       celScan            `cel:"scan"`
		Licence    string             `cel:"licence"`
		Verifiable bool               `cel:"verifiable"`
		Revoked    bool               `cel:"revoked"`
		Signature  bool               `cel:"signature"`
		Commit     string             `cel:"commit"`
		CreatedAt  time.Time          `cel:"created_at"`
		TrainedBy  string             `cel:"trained_by"`
	}
	celMeasured struct {
		Name          string  `cel:"name"`
		Value         float64 `cel:"value"`
		Dataset       string  `cel:"dataset"`
		DatasetDigest string  `cel:"dataset_digest"`
	}
	celData struct {
		Name   string `cel:"name"`
		Digest string `cel:"digest"`
		Use    string `cel:"use"`
		Class  string `cel:"class"`
	}
	celCard struct {
		Digest   string          `cel:"digest"`
		Sections map[string]bool `cel:"sections"`
		SavedAt  time.Time       `cel:"saved_at"`
	}
	celScan struct {
		Verdict string    `cel:"verdict"`
		Digest  string    `cel:"digest"`
		At      time.Time `cel:"at"`
	}
	celRequest struct {
		Number   int64  `cel:"number"`
		Author   string `cel:"author"`
		Reason   string `cel:"reason"`
		Revision int64  `cel:"revision"`
	}
	celEnv struct {
		Name      string `cel:"name"`
		Rank      int64  `cel:"rank"`
		Protected bool   `cel:"protected"`
		DataClass string `cel:"data_class"`
	}
	celResult struct {
		Kind    string             `cel:"kind"`
		Verdict string             `cel:"verdict"`
		Reason  string             `cel:"reason"`
		Numbers map[string]float64 `cel:"numbers"`
	}
)

// celNames and celRuns are the world of expressions: the names that exist and what each of them is.
// The version that is live may be null, and the library reads a field of null as null where it knows what type the
// null stands for; so expressions are checked with its type and run without, and then a field of null is an error.
var (
	celNames = sync.OnceValues(func() (*cel.Env, error) { return celWorld(cel.ObjectType("promotion.celVersion")) })
	celRuns  = sync.OnceValues(func() (*cel.Env, error) { return celWorld(cel.DynType) })
)

func celWorld(live *cel.Type) (*cel.Env, error) {
	tags := types.ParseStructTag("cel")
	return cel.NewEnv(
		cel.Types(types.NativeTypeFor[celVersion](tags), types.NativeTypeFor[celRequest](tags),
			types.NativeTypeFor[celEnv](tags), types.NativeTypeFor[celResult](tags)),
		cel.Variable("candidate", cel.ObjectType("promotion.celVersion")),
		cel.Variable("live", live), // null where nothing is live
		cel.Variable("request", cel.ObjectType("promotion.celRequest")),
		cel.Variable("evidence", cel.MapType(cel.StringType, cel.ObjectType("promotion.celResult"))), // of the gates before, by id
		cel.Variable("env", cel.ObjectType("promotion.celEnv")),
		cel.Variable("now", cel.TimestampType),

		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(maxExpr),
		cel.ParserRecursionLimit(maxExprDepth),
		cel.ParserErrorRecoveryLimit(1),
		cel.ExpressionNodeLimit(maxExprNodes),
		cel.RegexProgramSizeLimit(maxRegex),
	)
}

// expression is an expression made ready. It may be used by several at once.
type expression struct{ program cel.Program }

var compiled = struct {
	sync.Mutex
	by map[string]expression
}{by: map[string]expression{}}

// compile makes text ready, or says where it is wrong and why.
func compile(text string) (x expression, err error) {
	if len(text) > maxExpr {
		return x, celError{1, 1, fmt.Sprintf("it has %d bytes, the limit is %d: split it into several gates", len(text), maxExpr)}
	}
	compiled.Lock()
	x, known := compiled.by[text]
	compiled.Unlock()
	if known {
		return x, nil
	}
	defer func() {
		if r := recover(); r != nil {
			err = celError{1, 1, "it is nothing that can be read"}
		}
	}()
	if !utf8.ValidString(text) {
		return x, celError{1, 1, "it is not valid UTF-8"}
	}
	checked, err := celAST(celNames, text)
	if err != nil {
		return x, err
	}
	if !checked.OutputType().IsExactType(cel.BoolType) {
		return x, celError{1, 1, "expected a condition, which is true or false (bool), found " + checked.OutputType().String()}
	}
	if at := wholesale(checked.NativeRep()); at != nil {
		return x, *at
	}
	run, err := celAST(celRuns, text)
	if err != nil {
		return x, err
	}
	env, err := celRuns()
	if err != nil {
		return x, err
	}
	x.program, err = env.Program(run, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxExprCost), cel.MemoryLimit(maxExprSize))
	if err != nil {
		return x, celError{1, 1, err.Error()}
	}
	compiled.Lock()
	defer compiled.Unlock()
	if len(compiled.by) >= maxCompiled {
		clear(compiled.by)
	}
	compiled.by[text] = x
	return x, nil
}

// wholesale finds where an expression compares more than single values. The library takes that for a few steps, however
// much there is to compare.
func wholesale(a *ast.AST) (at *celError) {
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || at != nil {
			return
		}
		call := e.AsCall()
		null := slices.ContainsFunc(call.Args(), func(arg ast.Expr) bool {
			return arg.Kind() == ast.LiteralKind && arg.AsLiteral() == types.NullValue
		})
		compared := call.Args()
		switch call.FunctionName() {
		case operators.In:
			compared = compared[:1] // with what a list or a map holds
		case operators.Equals, operators.NotEquals:
		default:
			return
		}
		for _, arg := range compared {
			if t := a.GetType(arg.ID()); !null && !single(t) {
				where := a.SourceInfo().GetStartLocation(e.ID())
				at = &celError{max(1, where.Line()), max(1, where.Column()+1), "compare single values, not a whole " + cel.FormatCELType(t)}
			}
		}
	}))
	return at
}

// single reports whether a value of type t has no parts.
func single(t *types.Type) bool {
	switch t.Kind() {
	case types.BoolKind, types.IntKind, types.UintKind, types.DoubleKind, types.StringKind, types.BytesKind,
		types.TimestampKind, types.DurationKind, types.NullTypeKind, types.TypeKind:
		return true
	default:
		return false
	}
}

// celAST reads text in a world.
func celAST(world func() (*cel.Env, error), text string) (*cel.Ast, error) {
	env, err := world()
	if err != nil {
		return nil, err
	}
	read, issues := env.Compile(text)
	if issues.Err() == nil {
		return read, nil
	}
	if all := issues.Errors(); len(all) > 0 {
		at := all[0].Location
		return nil, celError{max(1, at.Line()), max(1, at.Column()+1), all[0].Message}
	}
	return nil, celError{1, 1, issues.Err().Error()}
}

// celError says where an expression is wrong, from 1 on, and why.
type celError struct {
	line, column int
	why          string
}

func (e celError) Error() string { return fmt.Sprintf("%d:%d: %s", e.line, e.column, sentence(e.why)) }

// sentence is a message of a library fit for a page: one line, not too long, UTF-8.
func sentence(s string) string {
	const most = 200
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// holds says whether x is true of the facts, or why it cannot be said.
func (x expression) holds(names map[string]any) (yes bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			yes, err = false, fmt.Errorf("the expression stopped: %v", r)
		}
	}()
	out, _, err := x.program.Eval(names)
	if err != nil {
		return false, err
	}
	yes, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("the expression is %v, expected true or false", out.Type())
	}
	return yes, nil
}

// names are the facts, and the results before, as expressions name them.
func (f Facts) names(before []Result) map[string]any {
	evidence := make(map[string]celResult, len(before))
	for _, r := range before {
		evidence[r.Gate] = celResult{string(r.Kind), string(r.Verdict), r.Reason, r.Numbers}
	}
	names := map[string]any{
		"candidate": f.Candidate.named(),
		"live":      types.NullValue,
		"request":   celRequest(f.Request),
		"evidence":  evidence,
		"env":       celEnv(f.Env),
		"now":       time.UnixMilli(f.Now).UTC(),
	}
	if f.Live != nil {
		names["live"] = f.Live.named()
	}
	return names
}

func (v Version) named() celVersion {
	n := celVersion{
		ID: v.ID, Model: v.Model, Version: v.Number, Digest: v.Digest, Kind: v.Kind, Risk: v.Risk,
		Metrics: map[string]float64{}, Params: v.Params, Tags: v.Tags,
		Card:    celCard{v.Card.Digest, v.Card.Sections, time.UnixMilli(v.Card.SavedAt).UTC()},
		Scan:    celScan{v.Scan.Verdict, v.Scan.Digest, time.UnixMilli(v.Scan.At).UTC()},
		Licence: v.Licence, Verifiable: v.Verifiable, Revoked: v.Revoked, Signature: v.Signature, Commit: v.Commit,
		CreatedAt: time.UnixMilli(v.CreatedAt).UTC(), TrainedBy: v.TrainedBy,
	}
	several := map[string]bool{}
	for _, m := range v.Metrics {
		_, twice := n.Metrics[m.Name]
		several[m.Name] = several[m.Name] || twice || !stats.Finite(m.Value)
		n.Metrics[m.Name] = m.Value
		if stats.Finite(m.Value) {
			n.Measured = append(n.Measured, celMeasured(m))
		}
	}
	for name, yes := range several {
		if yes {
			delete(n.Metrics, name)
		}
	}
	for _, d := range v.Data {
		n.Data = append(n.Data, celData(d))
	}
	return n
}
