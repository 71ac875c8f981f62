package scan

import (
	"encoding/binary"
	"strings"
	"testing"
)

// system is what os.system("ls") is as a pickle.
const system = "\x80\x02cos\nsystem\nU\x02ls\x85R."

const osSystem = "pickle dangerous pickle.dangerous os.system"

// str is SHORT_BINUNICODE.
func str(t string) string { return "\x8c" + string(rune(len(t))) + t }

func stackGlobal(module, name string) string { return str(module) + str(name) + "\x93" }

var crafted = []row{
	{"reduce.pkl", system, osSystem + "!"},
	{"posix.pkl", "\x80\x02cposix\nsystem\nU\x02ls\x85R.", "pickle dangerous pickle.dangerous posix.system!"},
	{"protocol 0.pkl", "cos\nsystem\n(S'ls'\ntR.", osSystem + "!"},
	{"no extension", "cos\nsystem\n(S'ls'\ntR.", osSystem + "!"},
	{"named as text.txt", "cos\nsystem\n(S'ls'\ntR.", "pickle dangerous format.disguised pickle.dangerous os.system!"},
	{"imported only.pkl", "\x80\x02cos\nsystem\n.", osSystem},
	{"stack global.pkl", "\x80\x04" + stackGlobal("os", "system") + str("ls") + "\x85R.", osSystem + "!"},
	{"inst.pkl", "(S'ls'\nios\nsystem\n.", osSystem + "!"},
	{"obj.pkl", "\x80\x02(cos\nsystem\nU\x02lso.", osSystem + "!"},
	{"newobj.pkl", "\x80\x02csubprocess\nPopen\nU\x02ls\x85\x81.", "pickle dangerous pickle.dangerous subprocess.Popen!"},
	{"newobj ex.pkl", "\x80\x04csubprocess\nPopen\nU\x02ls\x85}\x92.", "pickle dangerous pickle.dangerous subprocess.Popen!"},
	{"build.pkl", "\x80\x02cevil\nState\n)\x81}b.", "pickle suspicious pickle.unknown evil.State!"},
	{"build of a class.pkl", "\x80\x02csklearn.base\nBaseEstimator\n}b.", "pickle suspicious pickle.patches"},
	{"extension 1.pkl", "\x80\x02\x82\x05)R.", "pickle suspicious pickle.extension copyreg.extension 5!"},
	{"extension 2.pkl", "\x80\x02\x83\x05\x01.", "pickle suspicious pickle.extension copyreg.extension 261"},
	{"extension 4.pkl", "\x80\x02\x84\x05\x00\x01\x00.", "pickle suspicious pickle.extension copyreg.extension 65541"},
	{"persistent text.pkl", "\x80\x00Pkey\n.", "pickle notice pickle.persistent"},
	{"persistent.pkl", "\x80\x02U\x03keyQ.", "pickle notice pickle.persistent"},

	// Names that come from elsewhere.
	{"memo.pkl", "\x80\x04" + str("system") + "\x940" + str("os") + "\x940h\x01h\x00\x93)R.", osSystem + "!"},
	{"long memo.pkl", "\x80\x02U\x06systemr\x00\x10\x00\x000U\x02osp7\n0g7\nj\x00\x10\x00\x00\x93)R.", osSystem + "!"},
	{"far memo.pkl", "\x80\x02U\x06systemr\xff\xff\xff\xff0U\x02osj\xff\xff\xff\xff\x93)R.", osSystem + "!"},
	{"overwritten memo.pkl", "\x80\x02U\x02osq\x000U\x08harmlessq\x000h\x00U\x06system\x93.", "pickle suspicious pickle.unknown harmless.system"},
	{"place taken twice.pkl", "\x80\x04" + str("os") + "q\x00q\x000" + str("system") + "\x940h\x00h\x01\x93.", osSystem},
	{"memoised function.pkl", "\x80\x02cos\nsystem\nq\x050Nh\x05U\x02ls\x85R.", osSystem + "!"},
	{"dup.pkl", "\x80\x02cos\nsystem\n2U\x02ls\x85R.", osSystem + "!"},
	{"pop.pkl", "\x80\x02U\x02osU\x06system(00U\x06system\x93.", osSystem},
	{"pop mark.pkl", "\x80\x02U\x02osU\x06system(NN1\x93.", osSystem},
	{"escaped.pkl", "V\\u006fs\nS'\\x73ystem'\n\x93(S'ls'\ntR.", osSystem + "!"},
	{"octal.pkl", "V\\U0000006f\\u0073\nS\"\\163yste\\155\"\n\x93.", osSystem},
	{"binary strings.pkl", "\x80\x01T\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93.", osSystem},
	{"eight bytes of length.pkl", "\x80\x04\x8d\x02\x00\x00\x00\x00\x00\x00\x00os" + str("system") + "\x93.", osSystem},
	{"computed.pkl", "\x80\x04" + str("os") + stackGlobal("builtins", "str") + str("system") + "\x85R\x93.", "pickle suspicious pickle.unresolved os.?"},
	{"long name.pkl", "\x80\x02c" + strings.Repeat("a", 600) + "\nx\n.", "pickle suspicious pickle.unresolved ?.x"},
	{"dotted.pkl", "\x80\x04" + stackGlobal("sklearn.base", "os.system") + ".", "pickle dangerous pickle.dangerous sklearn.base.os.system"},
	{"dotted further.pkl", "\x80\x04" + stackGlobal("pandas", "DataFrame.x.os.path.join") + ".", "pickle dangerous pickle.dangerous pandas.DataFrame.x.os.path.join"},
	{"globals.pkl", "\x80\x04" + stackGlobal("sklearn.base", "BaseEstimator.__init__.__globals__") + ".", "pickle dangerous pickle.dangerous sklearn.base.BaseEstimator.__init__.__globals__"},
	{"a method of a class.pkl", "\x80\x04" + stackGlobal("pandas", "DataFrame.query") + ".", "pickle suspicious pickle.unknown pandas.DataFrame.query"},
	{"a module of a module.pkl", "\x80\x02csklearn.base\nwarnings\n.", "pickle suspicious pickle.unknown sklearn.base.warnings"},
	{"python 2.pkl", "c__builtin__\neval\n(S'1'\ntR.", "pickle dangerous pickle.dangerous __builtin__.eval!"},
	{"renamed.pkl", "ccommands\ngetoutput\n(S'ls'\ntR.", "pickle dangerous pickle.dangerous commands.getoutput!"},

	// Calls of what was called.
	{"called result.pkl", "\x80\x02csklearn.base\nX\n)R)R.", "pickle suspicious pickle.calls_value"},
	{"called persistent.pkl", "\x80\x02NQ)R.", "pickle suspicious pickle.calls_value pickle.persistent"},
	{"called code.pkl", "\x80\x02ccloudpickle.cloudpickle\n_make_function\n)R)R.", "pickle dangerous pickle.code pickle.runs_code cloudpickle.cloudpickle._make_function!"},
	{"called function type.pkl", "\x80\x02ccloudpickle.cloudpickle\n_builtin_type\nU\x0cFunctionType\x85R)R)R.", "pickle dangerous pickle.code pickle.runs_code cloudpickle.cloudpickle._builtin_type!"},
	{"getattr.pkl", "\x80\x02cbuiltins\ngetattr\n.", "pickle dangerous pickle.dangerous builtins.getattr"},
	{"methodcaller.pkl", "\x80\x02c_operator\nmethodcaller\n.", "pickle dangerous pickle.dangerous _operator.methodcaller"},
	{"nested torch.pkl", "\x80\x02ctorch.storage\n_load_from_bytes\nN\x85R.", "pickle dangerous pickle.dangerous torch.storage._load_from_bytes!"},
	{"runstring.pkl", "\x80\x02cnumpy.testing._private.utils\nrunstring\n.", "pickle dangerous pickle.dangerous numpy.testing._private.utils.runstring"},

	// Broken and odd ones.
	{"frame that lies.pkl", "\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f" + stackGlobal("os", "system") + ")R.", osSystem + "!"},
	{"broken after the call.pkl", "\x80\x02cos\nsystem\nU\x02ls\x85R\xff\xff", "pickle dangerous pickle.dangerous pickle.malformed os.system!"},
	{"cut after the call.pkl", "\x80\x02cos\nsystem\nU\x02ls\x85RX\xff\xff\xff\x7f", "pickle dangerous pickle.dangerous pickle.truncated os.system!"},
	{"too little on the stack.pkl", "\x80\x02RRR0tcos\nsystem\n.", "pickle dangerous pickle.calls_value pickle.dangerous pickle.malformed os.system"},
	{"empty place of the memo.pkl", "\x80\x02h\x05.", "pickle inconclusive pickle.malformed"},
	{"negative place.pkl", "\x80\x02Np-1\n.", "pickle inconclusive pickle.malformed"},
	{"no opcode.pkl", "\x80\x02N\x00.", "pickle inconclusive pickle.malformed"},
	{"no stop.pkl", "\x80\x02N", "pickle inconclusive pickle.truncated"},
	{"second pickle.pkl", "\x80\x02N." + system, osSystem + "!"},
	{"second without head.pkl", "\x80\x02N.cos\nsystem\n(S'ls'\ntR.", osSystem + "!"},
	{"second broken.pkl", "\x80\x02N.cos\nsystem\n\xff", "pickle dangerous pickle.dangerous pickle.malformed pickle.trailing os.system"},
	{"trailing.pkl", "\x80\x02N.\x00\x00", "pickle notice pickle.trailing"},
	{"leading.pkl", "\x00\x00" + system, "pickle inconclusive pickle.malformed"},
	{"no pickle.pkl", "Hello, world.", "pickle inconclusive pickle.malformed"},
	{"hello.txt", "Hello, world.", "text clean"},
	{"class.txt", "class\nfoo\nbar.\n", "text clean"},
	{"first.txt", "N. Smith wrote this.", "text clean"},

	// Data of all kinds, which a reader must get past.
	{"values.pkl", "\x80\x05(K\x01M\x01\x02J\x01\x02\x03\x04G12345678NI5\nL7L\nF1.5\n\x88\x89\x8a\x02\x01\x02\x8b\x02\x00\x00\x00abC\x01aB\x01\x00\x00\x00a" +
		"\x8e\x01\x00\x00\x00\x00\x00\x00\x00a\x96\x01\x00\x00\x00\x00\x00\x00\x00a\x97\x98)]}\x8f(N\x91(NNl(NNdl.", "pickle clean"},
	{"containers.pkl", "\x80\x04](NNeNa}(NNuNNs\x8f(N\x90NNN\x87NN\x86N\x85tN.", "pickle inconclusive pickle.malformed"},
	{"tensor.pkl", "\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(NK\x00)))tR.", "pickle clean"},
}

func TestPickles(t *testing.T) {
	if len(crafted) < 30 {
		t.Fatalf("%d files", len(crafted))
	}
	check(t, crafted)
}

// joblib's arrays lie within the pickle, and what other loaders would take for opcodes is looked at as well.
func TestJoblib(t *testing.T) {
	forest := strings.TrimSuffix(fixture(t, "forest.joblib"), ".")
	wrapper := func(shape, dtype, array string) string {
		return "\x80\x04" + stackGlobal("joblib.numpy_pickle", "NumpyArrayWrapper") + ")\x81}(" + str("shape") + shape + str("dtype") +
			stackGlobal("numpy", "dtype") + str(dtype) + "\x89\x88\x87R" + str("numpy_array_alignment_bytes") + "K\x10ub" + array
	}
	check(t, []row{
		{"behind.joblib", forest + "0" + stackGlobal("os", "system") + ")R.", "joblib dangerous pickle.dangerous os.system!"},
		{"in.joblib", wrapper("K\x03\x85", "u1", "\x00abc") + "0" + stackGlobal("os", "system") + ".", "joblib dangerous pickle.dangerous os.system"},
		{"as opcodes.joblib", wrapper("K\x0e\x85", "u1", "\x00"[:0]+"0cos\nsystem\n)R.."), "joblib dangerous joblib.array pickle.dangerous pickle.truncated os.system!"},
		{"unknown as opcodes.joblib", wrapper("K\x0a\x85", "u1", "0cevil\nrun\n)R.."), "joblib inconclusive joblib.array pickle.truncated"},
		{"code as opcodes.joblib", wrapper("K\x0a\x85", "u1", "0cdill\nx\n)R.."), "joblib suspicious joblib.array pickle.code pickle.truncated dill.x!"},
		{"objects.joblib", wrapper("K\x03\x85", "O8", system) + ".", "joblib dangerous pickle.dangerous os.system!"},
		{"empty.joblib", wrapper("K\x00K\x05\x86", "f8", "\x00") + ".", "joblib clean"},
		{"scalar.joblib", wrapper(")", "f8", "\x0212"+"12345678") + ".", "joblib clean"},
		{"characters.joblib", wrapper("K\x02\x85", "U1", "\x00"+"12345678") + ".", "joblib clean"},
		{"too long.joblib", wrapper("J\xff\xff\xff\x7f\x85", "f8", "\x00"), "joblib inconclusive joblib.array"},
		{"negative.joblib", wrapper("J\xff\xff\xff\xff\x85", "f8", "\x00") + ".", "joblib inconclusive joblib.array"},
		{"unknown size.joblib", wrapper("K\x01\x85", "T", "\x00") + ".", "joblib inconclusive joblib.array"},
	})
}

func TestTorchLegacy(t *testing.T) {
	magic := "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
	object := "\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x02NtQK\x00K\x02\x85K\x01\x85\x89}tR."
	rest := "\x80\x02]U\x010a." + string(binary.LittleEndian.AppendUint64(nil, 2)) + "\x80\x02345678"
	check(t, []row{
		{"legacy.pt", magic + "\x80\x02M\xe9\x03." + "\x80\x02}." + object + rest, "torch_legacy clean"},
		{"evil.pt", magic + "\x80\x02M\xe9\x03." + "\x80\x02}." + system + rest, "torch_legacy dangerous pickle.dangerous os.system!"},
		{"cut.pt", magic + "\x80\x02M\xe9\x03.", "torch_legacy clean"},
	})
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		module, name string
		want         Class
	}{
		{"os", "system", Harmful},
		{"os.path", "join", Harmful},
		{"oslo", "x", Unknown},
		{"builtins", "eval", Harmful},
		{"builtins", "set", Allowed},
		{"builtins", "print", Unknown},
		{"copy_reg", "_reconstructor", Allowed},
		{"collections", "OrderedDict", Allowed},
		{"sklearn.tree._tree", "Tree", Allowed},
		{"sklearn.tree._tree", "_build_pruned_tree_ccp", Unknown},
		{"sklearn._loss._loss", "__pyx_unpickle_CyHalfSquaredError", Allowed},
		{"sklearn.utils._bunch", "Bunch", Allowed},
		{"sklearn.callback._transport", "Client", Unknown}, // multiprocessing's, which unpickles what it receives
		{"sklearn.datasets._base", "RemoteFileMetadata", Unknown},
		{"scipy.sparse._csr", "csr_matrix", Allowed},
		{"numpy", "load", Harmful},
		{"numpy.f2py", "compile", Harmful},
		{"numpy", "vectorize", Unknown},
		{"pandas", "DataFrame", Allowed},
		{"pandas", "HDFStore", Harmful},
		{"pandas.io.pickle", "read_pickle", Harmful},
		{"torch.nn.modules.linear", "Linear", Allowed},
		{"torch.serialization", "_get_layout", Allowed},
		{"torch.serialization", "load", Harmful},
		{"__main__", "Model", Unknown},
		{"", "", Unknown},
		{"cloudpickle.cloudpickle", "_make_function", Code},
		{"cloudpickle", "loads", Harmful},
		{"functools", "partial", Harmful},
		{"functools", "lru_cache", Unknown},
	} {
		if got := classify(c.module, c.name); got != c.want {
			t.Errorf("%s.%s is %s, want %s", c.module, c.name, got, c.want)
		}
	}
}

func TestRulesAreNoDeeperThanLooked(t *testing.T) {
	for module := range inModules {
		if strings.Count(module, ".") >= deepest {
			t.Errorf("%s has too many parts", module)
		}
	}
}
